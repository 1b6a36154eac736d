"""A configuration directory: YAML files to the texts that `shared.organisation` parses."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from heliodesk.errors import CliError, Exit

SUFFIXES: Final = (".yaml", ".yml")
FILES_MAX: Final = 5_000
"""More is another directory than was meant."""


def read_directory(folder: Path) -> dict[str, str]:
    """Return the YAML files under a folder: name relative to it, with slashes, to text.

    Files and folders whose name begins with a dot are left out, and so are other files.

    Raises:
        CliError: the folder is not there, has no YAML file, or a file cannot be read as UTF-8.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        message = f"{folder} {what}: give the directory with the configuration's YAML files."
        raise CliError(message, code=Exit.BAD_INPUT)
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.suffix not in SUFFIXES or any(part.startswith(".") for part in inside.parts):
            continue
        if not path.is_file():
            continue
        try:
            found[inside.as_posix()] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = f"{path} cannot be read: {error}"
            raise CliError(message, code=Exit.BAD_INPUT) from error
        if len(found) > FILES_MAX:
            message = f"{folder} has more than {FILES_MAX} YAML files: is it the right directory?"
            raise CliError(message, code=Exit.BAD_INPUT)
    if not found:
        message = f"{folder} has no YAML files: see deploy/sample for what belongs there."
        raise CliError(message, code=Exit.BAD_INPUT)
    return found
