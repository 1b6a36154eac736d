"""Templates of service levels: what there are, and how one becomes part of a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from heliodesk.product.addresses import repository
from heliodesk.yaml_lists import Item, NotAppendable, items_of, with_figures, with_items
from shared.organisation import ConfigurationInvalid, Problem, parse_sections
from shared.organisation.words import (
    TARGET_MAX_WORDS,
    TARGET_SECONDS_MAX,
    duration_seconds,
    duration_text,
)
from shared.organisation.yaml_text import YamlInvalid, load_yaml

FOLDER: Final = repository() / "deploy" / "templates" / "service-levels"
START: Final = "start"
"""What every template stands on; no template itself."""
LISTS: Final = {
    "calendars": "calendars",
    "sla": "policies",
    "agreements": "agreements",
    "catalogue": "services",
}
"""Section to its list, to which templates add."""
BASE: Final = ("organisation", "calendars", "desks", "topologies")
"""Sections that are written only where there are no desks yet."""

_UNKNOWN_SERVICE: Final = re.compile(r"unknown service '([a-z0-9-]+)'")

Figures = Mapping[str, int]
"""Priority to business seconds."""


class TemplateInvalid(ValueError):
    """A template cannot be had as it is asked for; the reason is a sentence."""


class FilesThere(Exception):
    """Files that would be written are there already."""

    def __init__(self, files: list[str]) -> None:
        super().__init__(", ".join(files))
        self.files = files


@dataclass(frozen=True)
class Template:
    """A template in one language."""

    name: str
    lang: str
    title: str
    about: str
    paths: Mapping[str, tuple[str, ...]]
    """``response`` and ``handling`` to where their figures stand: section, item, keys."""
    files: Mapping[str, str]
    """Section to text, of what is its own."""
    start: Mapping[str, str]
    """The same, of what every template stands on."""


def template_names() -> list[str]:
    """Return the names of all templates."""
    return sorted(p.name for p in FOLDER.iterdir() if p.is_dir() and p.name != START)


def load_template(name: str, lang: str) -> Template:
    """Return a template.

    Raises:
        TemplateInvalid: there is none of that name, or not in that language.
    """
    if name not in template_names():
        raise TemplateInvalid(f"there is no template {name!r}: {', '.join(template_names())}")
    folder = FOLDER / name / lang
    if not folder.is_dir():
        known = sorted(p.name for p in (FOLDER / name).iterdir() if p.is_dir())
        raise TemplateInvalid(f"template {name} is there in {', '.join(known)}, not in {lang}")
    files = _texts(folder)
    about: Any = load_yaml(files.pop("template")).content
    return Template(
        name=name,
        lang=lang,
        title=about["title"],
        about=about["about"],
        paths={kind: tuple(path) for kind, path in about["figures"].items()},
        files=files,
        start=_texts(FOLDER / START / lang),
    )


def _texts(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}


def figures_of(text: str) -> dict[str, int]:
    """Read ``P1=15m,P2=1h30m``.

    Raises:
        TemplateInvalid: it is not written so.
    """
    figures: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        level, _, written = part.partition("=")
        try:
            seconds = duration_seconds(written.strip() or "?")
        except ValueError as error:
            raise TemplateInvalid(f"{part}: {error}") from error
        if not isinstance(seconds, int) or seconds <= 0:
            raise TemplateInvalid(f"{part}: a target is above 0")
        if seconds > TARGET_SECONDS_MAX:
            raise TemplateInvalid(f"{part}: a target is {TARGET_MAX_WORDS}")
        if level.strip() in figures:
            raise TemplateInvalid(f"{level.strip()} is given twice")
        figures[level.strip()] = seconds
    return figures


def with_own_figures(template: Template, given: Mapping[str, Figures]) -> Template:
    """Return a template with figures of one's own.

    Args:
        template: one in any language.
        given: ``response`` and ``handling`` to figures; levels that are not named keep theirs.

    Raises:
        TemplateInvalid: a level that it has not, or a handling that is shorter than its response.
    """
    files = dict(template.files)
    whole: dict[str, dict[str, int]] = {}
    for kind, (section, item, *keys) in template.paths.items():
        found: Any = next(
            i.content for i in items_of(files[section], LISTS[section]) if i.name == item
        )
        for key in keys:
            found = found[key]
        figures = {level: _seconds(written) for level, written in found.items()}
        unknown = [level for level in given.get(kind, {}) if level not in figures]
        if unknown:
            levels = ", ".join(figures)
            raise TemplateInvalid(f"{template.name} has no level {unknown[0]!r}; it has {levels}")
        whole[kind] = figures | dict(given.get(kind, {}))
        if kind in given:
            value = ", ".join(f"{level}: {duration_text(s)}" for level, s in whole[kind].items())
            path = (item, *keys)
            files[section] = with_figures(files[section], LISTS[section], path, f"{{{value}}}")
    for level, response in whole["response"].items():
        handling = whole["handling"].get(level)
        if given and handling is not None and handling < response:
            raise TemplateInvalid(
                f"{level}: handling in {duration_text(handling)} is shorter than response in "
                f"{duration_text(response)}"
            )
    return Template(
        template.name,
        template.lang,
        template.title,
        template.about,
        template.paths,
        files,
        template.start,
    )


def _seconds(written: object) -> int:
    seconds = duration_seconds(written)
    if not isinstance(seconds, int):
        raise TypeError(written)
    return seconds


def files_with(
    template: Template,
    present: Mapping[str, str],
    *,
    add: bool = False,
    overwrite: bool = False,
) -> dict[str, str]:
    """Return the files to write so that a configuration has a template: file to text.

    Args:
        template: with the figures that are wanted.
        present: the files that are there, as `parse_sections` takes them.
        add: put what is missing into lists that are there; what has the same name stays.
        overwrite: replace files that are there.

    Raises:
        FilesThere: files are there, and neither is wanted.
        NotAppendable: nothing can be added to a file as it is written.
        ConfigurationInvalid: the whole would not be a right configuration.
    """
    for file, text in present.items():
        try:
            load_yaml(text)
        except YamlInvalid as error:
            raise ConfigurationInvalid([Problem(file, error.line, "", error.reason)]) from error
    names = {file.rsplit(".", 1)[0]: file for file in present}
    wanted = _wanted(template, set(names))
    there = [names[s] for s in wanted if s in names and _is_new(wanted[s], present[names[s]], s)]
    if there and not add and not overwrite:
        raise FilesThere(there)
    written: dict[str, str] = {}
    for section, text in wanted.items():
        file = names.get(section, f"{section}.yaml")
        old = present.get(file)
        if old is None or (overwrite and section not in BASE):
            written[file] = text
        elif _is_new(text, old, section):
            try:
                written[file] = _added(old, text, section)
            except NotAppendable as error:
                raise NotAppendable(f"{file}: {error}") from error
    names_any_service = "catalogue" not in names or overwrite
    return _checked(present, written, names.get("catalogue", "catalogue.yaml"), names_any_service)


def figures_there(template: Template, present: Mapping[str, str]) -> str | None:
    """Return the file that has the item already in which a template's figures stand, or None."""
    for section, item, *_ in template.paths.values():
        for file, text in present.items():
            if file.rsplit(".", 1)[0] == section and any(
                each.get("name") == item for each in _items(text, LISTS[section])
            ):
                return file
    return None


def _wanted(template: Template, there: set[str]) -> dict[str, str]:
    """Return section to text: the template's, and what it stands on where that is missing."""
    wanted = dict(template.files)
    for section, text in template.start.items():
        if section in BASE and "desks" in there:
            continue
        wanted[section] = _added(text, wanted[section], section) if section in wanted else text
    return wanted


def _missing(text: str, old: str, section: str) -> list[Item]:
    key = LISTS[section]
    known = {item["name"] for item in _items(old, key)}
    return [item for item in items_of(text, key) if item.name not in known]


def _items(text: str, key: str) -> list[dict[str, Any]]:
    content = load_yaml(text).content
    return list(content.get(key) or []) if isinstance(content, dict) else []


def _is_new(text: str, old: str, section: str) -> bool:
    return section in LISTS and bool(_missing(text, old, section))


def _added(old: str, text: str, section: str) -> str:
    """Return a file with the items of another that it has not."""
    key = LISTS[section]
    present = _items(old, key)

    def place(item: Item) -> int | None:
        """Agreements: the first that takes a ticket counts, so the narrower one stands before."""
        if section != "agreements" or _takes_all(item.content):
            return None
        if item.content.get("condition"):
            return 0
        return next((n for n, other in enumerate(present) if _takes_all(other)), None)

    return with_items(old, key, _missing(text, old, section), place)


def _takes_all(agreement: Mapping[str, Any]) -> bool:
    return not agreement.get("scope") and agreement.get("condition", "true") == "true"


def _checked(
    present: Mapping[str, str],
    written: dict[str, str],
    catalogue: str,
    names_any_service: bool,  # noqa: FBT001
) -> dict[str, str]:
    """Return the files, where need be with the services that the configuration named so far.

    A configuration without a catalogue may name any service; with one, only those in it.
    """
    try:
        parse_sections({**present, **written})
    except ConfigurationInvalid as error:
        named = sorted({n for p in error.problems for n in _UNKNOWN_SERVICE.findall(p.reason)})
        if not named or not names_any_service:
            raise
        items = [
            Item({"name": name, "title": name}, [f"  - {{name: {name}, title: {name}}}"])
            for name in named
        ]
        text = with_items(written[catalogue], LISTS["catalogue"], items, lambda _: None)
        written = {**written, catalogue: text}
        parse_sections({**present, **written})
    return written
