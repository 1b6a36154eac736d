"""The sample articles: Markdown files with a head of YAML, handed to knowledge over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from heliodesk.api import Api
from heliodesk.errors import CliError, Exit

FENCE: Final = "---\n"
HEAD_FIELDS: Final = frozenset({"title", "language", "keywords"})


def load_articles(knowledge: Api, folder: Path, *, say: Callable[[str], None]) -> int:
    """Hand in the articles of a folder; return how many there are.

    The file's name is the key: an article that was handed in before is not made again.

    Raises:
        CliError: a file is no article, or knowledge does not take it.
    """
    files = sorted(folder.glob("*.md")) if folder.is_dir() else []
    if files:
        say(f"handing in {len(files)} sample articles")
    for path in files:
        article = parse_article(path.read_text(encoding="utf-8"), name=path.name)
        headers = {"Idempotency-Key": f"sample:{path.stem}"}
        knowledge.call("POST", "/v1/articles", article, headers=headers)
    return len(files)


def parse_article(text: str, *, name: str) -> dict[str, Any]:
    """Return the article of a file: ``title``, ``language``, ``keywords`` and ``body``.

    Raises:
        CliError: the head is missing, is no YAML, or has other fields; the text names the file.
    """
    before, opening, rest = text.partition(FENCE)
    head, closing, body = rest.partition(f"\n{FENCE}")
    if before or not opening or not closing:
        message = f"{name}: an article begins with a head between two lines of ---"
        raise CliError(message, code=Exit.BAD_INPUT)
    try:
        fields = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise CliError(f"{name}: the head is no YAML: {error}", code=Exit.BAD_INPUT) from error
    if not isinstance(fields, dict) or not {"title", "language"} <= fields.keys() <= HEAD_FIELDS:
        message = f"{name}: the head has title, language and, if need be, keywords"
        raise CliError(message, code=Exit.BAD_INPUT)
    return {**fields, "body": body.strip()}
