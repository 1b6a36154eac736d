from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heliodesk.documents import ROOT, SERVICES

FILE_LINES_MAX = 400
TABLES_OF_WORDS = ("words_en.py", "words_zh.py")
FORBIDDEN_WORDS = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError")
OWN_NAMES_FOR_EVERYTHING = {"utils.py", "common.py", "helpers.py", "misc.py", "db.py"}


def tracked(*suffixes: str) -> list[Path]:
    """Return the source files of the repository, whether it is a checkout or a copy."""
    folders = ("shared", "services", "heliodesk", "deploy", "tests", "docs")
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in suffixes and "__pycache__" not in path.parts and path.is_file()
    ]


def test_the_import_contracts_hold() -> None:
    """Layers, independence of services and purity are kept, as pyproject.toml says them."""
    script = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [str(script), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-4000:]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_stands_alone(service: str, tmp_path: Path) -> None:
    """A folder with only `shared` and one service imports that service's application."""
    shutil.copytree(ROOT / "shared", tmp_path / "shared")
    (tmp_path / "services").mkdir()
    shutil.copy(ROOT / "services" / "__init__.py", tmp_path / "services")
    shutil.copytree(ROOT / "services" / service, tmp_path / "services" / service)
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("HELIODESK")
    }
    result = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            # What an editable install adds would find the repository again.
            (
                "import sys; sys.path = [p for p in sys.path if '__editable__' not in p and "
                f"p != {str(ROOT)!r}]; sys.meta_path = [m for m in sys.meta_path if "
                "'editable' not in type(m).__module__ + getattr(m, '__name__', '').lower()]; "
                f"sys.path.insert(0, {str(tmp_path)!r}); import services.{service}.app as app; "
                f"assert app.__file__.startswith({str(tmp_path)!r}), app.__file__; app.create_app"
            ),
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]


def test_no_file_is_left_unfinished() -> None:
    """No source file holds a marker of unfinished work."""
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked(".py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FORBIDDEN_WORDS.search(line) and path != Path(__file__)
    ]
    assert not found


def test_no_module_owns_everything() -> None:
    """Modules are named for what they are about."""
    assert not [path for path in tracked(".py") if path.name in OWN_NAMES_FOR_EVERYTHING]


def test_files_stay_readable_in_one_go() -> None:
    """A production file has at most 400 lines, but for tables of words: a longer one holds a second idea."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked(".py")
        if "tests" not in path.relative_to(ROOT).parts
        and path.name not in TABLES_OF_WORDS
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    }
    assert not long


def test_every_test_says_what_it_shows() -> None:
    """Each test function has a docstring: the behaviour in one sentence."""
    missing = []
    for path in tracked(".py"):
        if not path.name.startswith("test_"):
            continue
        text = path.read_text(encoding="utf-8")
        pattern = re.compile(
            r"^( *)(?:async )?def (test_\w+)\((?:[^()]|\([^()]*\))*\)[^:]*:\n(.*)", re.MULTILINE
        )
        missing += [
            f"{path.name}: {match.group(2)}"
            for match in pattern.finditer(text)
            if not match.group(3).lstrip().startswith(('"""', 'r"""'))
        ]
    assert not missing
