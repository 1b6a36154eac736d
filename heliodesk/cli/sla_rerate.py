"""`heliodesk sla rerate`: what a version would make of running clocks, and, with a reason, that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

import typer

from heliodesk.cli.context import Context, context_of
from heliodesk.cli.languages import Language
from heliodesk.cli.moments import business_span, shown
from heliodesk.cli.output import note, print_json, print_line
from heliodesk.errors import CliError, Exit

PATH: Final = "/v1/clocks/rerate"
PAGE: Final = 100
T = TypeVar("T")

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "none": "No ticket has a running clock.",
        "same": "{number}: nothing changes",
        "new": "begins, due {due}, target {target}",
        "due": "due {before} → {after}",
        "no-due": "no due time",
        "target": "target {before} → {after}",
        "state": "{before} → {after}",
        "withdrawn": "breach withdrawn",
        "late": "late by version {version}",
        "refused": "{number}: {detail}",
        "missing": "{name}: no clocks are known of it",
        "sum": "By version {version}: {changed} of {all} would change.",
        "hint": 'Nothing was done. To rerate them: the same again with --because "…".',
        "ask": "Rerate by version {version}: {n}. Go on?",
        "done": "Rerated by version {version}: {n}.",
        "left": "{ticket}: left as it was: {detail}",
        "nothing": "There is nothing to rerate.",
    },
    "zh": {
        "none": "没有计时中的工单。",
        "same": "{number}：无变化",
        "new": "新开始计时，到期 {due}，目标 {target}",
        "due": "到期 {before} → {after}",
        "no-due": "无到期时间",
        "target": "目标 {before} → {after}",
        "state": "{before} → {after}",
        "withdrawn": "撤销超期",
        "late": "按第 {version} 版已超期",
        "refused": "{number}：{detail}",
        "missing": "{name}：没有它的计时",
        "sum": "按第 {version} 版，{all} 张工单中有 {changed} 张变化。",
        "hint": "未作更改。如要重新计时，请加上 --because “原因” 再次执行。",
        "ask": "按第 {version} 版重新计时 {n} 张工单？",
        "done": "已按第 {version} 版重新计时：{n} 张工单。",
        "left": "{ticket}：保持原状：{detail}",
        "nothing": "没有需要重新计时的工单。",
    },
}


def rerate(
    ctx: typer.Context,
    tickets: Annotated[
        list[str] | None, typer.Argument(help="Numbers or ids; none: all with a running clock.")
    ] = None,
    *,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="By this one; else by that in force.")
    ] = None,
    desk: Annotated[
        str | None, typer.Option("--desk", help="Only what this desk holds; not beside tickets.")
    ] = None,
    because: Annotated[
        str, typer.Option("--because", help="Do it, for this reason; else it is only shown.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    unchanged: Annotated[
        bool, typer.Option("--all", help="Show tickets that do not change, too.")
    ] = False,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the text.")] = Language.EN,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let running clocks count by another version of the configuration, after a look at what changes.

    Without it a newer version changes nothing in clocks that run. Ended clocks stay as they are.
    Without --because it is only shown, ticket by ticket: the due time, target and breach before
    and after. With it, what was shown is done; a ticket that has changed since is left out (3).
    """
    if tickets and desk is not None:
        message = f"--desk {desk} and tickets ({', '.join(tickets)}): name the desk or the tickets."
        raise CliError(message, code=Exit.BAD_INPUT)
    context = context_of(ctx)
    words = _WORDS[lang.value]
    found, missing = _differences(context, tickets or [], version=version, desk=desk)
    wanted = {
        item["number"]: item["revision"]
        for item in found.items
        if item["problem"] is None and (item["changed"] or item["from_version"] != found.version)
    }
    if not as_json:
        for line in _lines(found, missing, words, unchanged=unchanged):
            print_line(line)
    because = because.strip()
    done: list[dict[str, Any]] = []
    if because and wanted:
        if not yes:
            question = words["ask"].format(n=len(wanted), version=found.version)
            typer.confirm(question, abort=True, err=True)
        done = list(_applied(context, found.version, because, wanted))
    if as_json:
        print_json(
            {
                "version": found.version,
                "items": found.items,
                "missing": missing,
                "done": done if because else None,
            }
        )
    elif because:
        _tell(done, found.version, words)
    elif wanted:
        note(words["hint"])
    if missing or any(not one["done"] for one in done):
        raise typer.Exit(Exit.CONFLICT if not missing else Exit.FAILED)


class _Found:
    """The pages of a difference together."""

    def __init__(self) -> None:
        self.version = 0
        self.items: list[dict[str, Any]] = []

    def take(self, page: Mapping[str, Any]) -> None:
        """Take in a page."""
        self.version = page["version"]
        self.items.extend(page["items"])


def _differences(
    context: Context, tickets: Sequence[str], *, version: int | None, desk: str | None
) -> tuple[_Found, list[str]]:
    """Return what the version would make of tickets, all pages of it, and names of no ticket."""
    api = context.api("sla")
    found, missing = _Found(), []
    for part in _parts(tickets):
        page = api.call("POST", f"{PATH}/diff", {"version": version, "tickets": part})
        found.take(page)
        missing.extend(page["missing"])
    after = None
    while not tickets:
        # Every page is of one version, whatever is applied meanwhile.
        body = {"version": found.version or version, "desk": desk, "after": after, "limit": PAGE}
        page = api.call("POST", f"{PATH}/diff", body)
        found.take(page)
        after = page["next"]
        if after is None:
            break
    return found, missing


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield so many at a time as one call takes."""
    for start in range(0, len(items), PAGE):
        yield items[start : start + PAGE]


def _applied(
    context: Context, version: int, because: str, wanted: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    api = context.api("sla")
    for part in _parts(list(wanted.items())):
        body = {"version": version, "because": because, "tickets": dict(part)}
        yield from api.call("POST", PATH, body)["items"]


def _lines(
    found: _Found, missing: Iterable[str], words: Mapping[str, str], *, unchanged: bool
) -> Iterator[str]:
    for name in missing:
        yield words["missing"].format(name=name)
    if not found.items and not missing:
        yield words["none"]
        return
    for item in found.items:
        if item["problem"] is not None:
            yield words["refused"].format(number=item["number"], detail=item["detail"])
        elif item["changed"]:
            desk = f" ({item['desk']})" if item["desk"] else ""
            yield f"{item['number']}{desk}"
            for clock in item["clocks"]:
                if clock["changed"]:
                    yield f"  {clock['clock']}: {_change(clock, words)}"
        elif unchanged:
            yield words["same"].format(number=item["number"])
    counts = Counter(item["changed"] for item in found.items)
    yield words["sum"].format(version=found.version, changed=counts[True], all=counts.total())


def _change(clock: Mapping[str, Any], words: Mapping[str, str]) -> str:
    before, after = clock["before"], clock["after"]
    none = words["no-due"]
    if before is None:
        return words["new"].format(
            due=shown(after["due_at"]) or none, target=business_span(after["target_seconds"])
        )
    parts = []
    if before["state"] != after["state"]:
        parts.append(words["state"].format(before=before["state"], after=after["state"]))
    if before["due_at"] != after["due_at"]:
        parts.append(
            words["due"].format(
                before=shown(before["due_at"]) or none, after=shown(after["due_at"]) or none
            )
        )
    if before["target_seconds"] != after["target_seconds"]:
        spans = (business_span(one["target_seconds"]) for one in (before, after))
        parts.append(words["target"].format(**dict(zip(("before", "after"), spans, strict=True))))
    if clock["breach_withdrawn"]:
        parts.append(words["withdrawn"])
    if clock["newly_late"]:
        parts.append(words["late"].format(version=after["configversion"]))
    return "; ".join(parts)


def _tell(done: Sequence[Mapping[str, Any]], version: int, words: Mapping[str, str]) -> None:
    for one in done:
        if not one["done"]:
            print_line(words["left"].format(ticket=one["ticket"], detail=one["detail"]))
    count = sum(one["done"] for one in done)
    if count or done:
        print_line(words["done"].format(n=count, version=version))
    else:
        print_line(words["nothing"])


__all__ = ["rerate"]
