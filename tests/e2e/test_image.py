"""The steps of the Dockerfile, in a clean virtual environment: no image can be built everywhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heliodesk.documents import ROOT, SERVICES

pytestmark = pytest.mark.timeout(600)

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
ALWAYS = ("notify",)
"""It has packages of its own. The long form of the tests builds them all."""
BUILT = SERVICES if os.environ.get("HELIODESK_CHAOS") else ALWAYS


def build_steps(text: str) -> tuple[list[list[str]], list[str]]:
    """Return the COPY lines (as words) and the RUN lines of the build stage."""
    _, stage, *_ = re.split(r"^FROM ", text, flags=re.MULTILINE)
    copies = [shlex.split(line)[1:] for line in re.findall(r"^COPY .*$", stage, re.MULTILINE)]
    runs = [line.removeprefix("RUN ") for line in re.findall(r"^RUN .*$", stage, re.MULTILINE)]
    return copies, runs


@pytest.mark.parametrize("service", BUILT)
def test_a_services_image_builds_and_starts(service: str, tmp_path: Path) -> None:
    """Only what the Dockerfile copies and installs is needed to make the service's application."""
    build, target = tmp_path / "build", tmp_path / "opt"
    build.mkdir()
    text = DOCKERFILE.read_text(encoding="utf-8").replace("${SERVICE}", service)
    copies, runs = build_steps(text)
    for *sources, destination in copies:
        for source in sources:
            origin, goal = ROOT / source, build / destination
            if origin.is_dir():
                shutil.copytree(origin, goal, ignore=shutil.ignore_patterns("__pycache__"))
                continue
            if destination.endswith("/"):
                goal = goal / origin.name
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, goal)
    for run in runs:
        command = run.replace("/opt/heliodesk", str(target))
        command = re.sub(r"^python ", f"{sys.executable} ", command)
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=build,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    check = (
        f"from services.{service}.app import create_app; import services.{service}.settings as s; "
        "kind = next(v for n, v in vars(s).items() if n.endswith('Settings') "
        "and n != 'ServiceSettings'); create_app(kind.from_environment({}))"
    )
    done = subprocess.run(
        [str(target / "bin" / "python"), "-c", check],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
