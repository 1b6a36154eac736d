"""What differs between two configurations, item by item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration

_IDENTITIES: Final = (
    ("id",),
    ("name",),
    ("date",),
    ("first", "last"),
    ("notice", "language"),
    ("country", "subdivision"),
)
"""By which fields the items of a list are recognised, the first that all items have."""

_MISSING: Final = object()


@dataclass(frozen=True)
class Change:
    """One difference. Values are of JSON types; None where there was or is none.

    ``path`` names items of lists and not their places: ``desks[london].calendar``.
    """

    section: str
    path: str
    kind: Literal["added", "removed", "changed", "moved"]
    before: object = None
    after: object = None


def diff(old: Configuration, new: Configuration) -> tuple[Change, ...]:
    """Return what leads from one configuration to another, section by section.

    A list whose items are only in another order is one change of kind ``moved``; its values are
    the items' names in order.
    """
    before, after = old.sections(), new.sections()
    changes: list[Change] = []
    for section in sorted(before.keys() | after.keys()):
        earlier, later = before.get(section, _MISSING), after.get(section, _MISSING)
        changes += _compare(section, "", earlier, later)
    return tuple(changes)


def _compare(section: str, path: str, before: object, after: object) -> Iterator[Change]:
    if before == after:
        return
    if before is _MISSING:
        yield Change(section, path, "added", None, after)
    elif after is _MISSING:
        yield Change(section, path, "removed", before, None)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            inner = f"{path}.{key}" if path else key
            earlier, later = before.get(key, _MISSING), after.get(key, _MISSING)
            yield from _compare(section, inner, earlier, later)
    else:
        earlier_items, later_items = _named(before), _named(after)
        if earlier_items is None or later_items is None:
            yield Change(section, path, "changed", before, after)
            return
        for name in dict.fromkeys((*earlier_items, *later_items)):
            yield from _compare(
                section,
                f"{path}[{name}]",
                earlier_items.get(name, _MISSING),
                later_items.get(name, _MISSING),
            )
        stayed = [name for name in earlier_items if name in later_items]
        order = [name for name in later_items if name in earlier_items]
        if stayed != order:
            yield Change(section, path, "moved", stayed, order)


def _named(value: object) -> dict[str, object] | None:
    """Return a list's items by what identifies them, or None where nothing does."""
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        return None
    if not value:
        return {}
    for fields in _IDENTITIES:
        if all(field in item for item in value for field in fields):
            named = {" ".join(str(item[field]) for field in fields): item for item in value}
            return named if len(named) == len(value) else None
    return None
