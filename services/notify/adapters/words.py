"""The templates: those that are shipped, and the organisation's own instead of them.

A shipped template has two blocks, ``subject`` and ``body``, both plain text. The HTML part is made
of the text, so that nobody has to write both, and nothing in it is ever unescaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from jinja2 import FileSystemLoader, Template, TemplateError, TemplateNotFound
from jinja2.sandbox import SandboxedEnvironment

from services.notify.adapters.reasons import words_of
from services.notify.ports import Rendered
from shared.contracts.notify import NoticeKind
from shared.log import Log
from shared.organisation import Configuration

TEMPLATES: Final = Path(__file__).parent.parent / "templates"
LANGUAGE_LAST: Final = "en"
KIND_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "service-request": "service request",
        "new-requirement": "new requirement",
        "unknown": "request",
    },
    "zh": {
        "incident": "事件",
        "service-request": "服务请求",
        "change": "变更",
        "inquiry": "咨询",
        "new-requirement": "新需求",
        "complaint": "投诉",
        "compliment": "表扬",
        "unknown": "请求",
    },
}
"""Language to the names of kinds; a kind that is not here is shown by its word."""

LINKS: Final = ("satisfied_url", "dissatisfied_url")
"""Values that are links of our own: on a line of their own they can be clicked in the HTML part."""

OWN_TEMPLATES_MAX: Final = 500
"""Compiled templates of organisations that are kept; the oldest is compiled anew."""


class JinjaWords:
    """`Words` over Jinja, sandboxed: what an organisation writes is text, not a program."""

    def __init__(self, *, log: Log) -> None:
        self._log = log
        self._text = SandboxedEnvironment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        html = SandboxedEnvironment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, auto_reload=False
        )
        self._layout = html.get_template("layout.html.j2")
        self._own: dict[tuple[str, str], tuple[Template, Template]] = {}

    def render(
        self,
        *,
        kind: NoticeKind,
        language: str,
        values: Mapping[str, str],
        configuration: Configuration,
    ) -> Rendered:
        """Return the words of a notice in the best language that there are words in.

        The order: the wanted language, its base (``zh`` for ``zh-Hant-TW``), the organisation's
        languages, English. In each the organisation's own words come before the shipped ones.
        Own words that do not render are passed over and logged: a notice does not fail by them.
        """
        for candidate in _candidates(language, configuration):
            named = _with_kind(values, candidate)
            found = self._own_words(kind, candidate, named, configuration)
            found = found or self._shipped(kind, candidate, named)
            if found is not None:
                subject, text = found
                html = self._layout.render(
                    language=candidate,
                    number=values.get("number", ""),
                    organisation=values.get("organisation", ""),
                    paragraphs=_paragraphs(text),
                    links=[values[n] for n in LINKS if values.get(n)],
                )
                return Rendered(subject=subject, text=text, html=html, language=candidate)
        raise LookupError(f"no words for {kind.value}")

    def _own_words(
        self,
        kind: NoticeKind,
        language: str,
        values: Mapping[str, str],
        configuration: Configuration,
    ) -> tuple[str, str] | None:
        for template in configuration.templates.templates:
            if template.notice != kind.value or template.language != language:
                continue
            try:
                subject, body = self._compiled(template.subject, template.body)
                return subject.render(values).strip(), body.render(values).strip() + "\n"
            except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
                self._log.warning(
                    "template_unusable",
                    notice=kind.value,
                    language=language,
                    error=f"{type(error).__name__}: {error}"[:300],
                )
        return None

    def _compiled(self, subject: str, body: str) -> tuple[Template, Template]:
        found = self._own.get((subject, body))
        if found is None:
            while len(self._own) >= OWN_TEMPLATES_MAX:
                self._own.pop(next(iter(self._own)))
            found = (self._text.from_string(subject), self._text.from_string(body))
            self._own[(subject, body)] = found
        return found

    def _shipped(
        self, kind: NoticeKind, language: str, values: Mapping[str, str]
    ) -> tuple[str, str] | None:
        try:
            template = self._text.get_template(f"{language}/{kind.value}.txt.j2")
        except TemplateNotFound:
            return None
        context = template.new_context(dict(values))
        subject, body = ("".join(template.blocks[name](context)) for name in ("subject", "body"))
        return subject.strip(), body.strip() + "\n"


def _candidates(language: str, configuration: Configuration) -> Iterator[str]:
    wanted = [language, language.replace("_", "-").split("-", maxsplit=1)[0]]
    languages = [*wanted, *configuration.organisation.languages, LANGUAGE_LAST]
    yield from dict.fromkeys(name for name in languages if name.replace("-", "").isalnum())


def _with_kind(values: Mapping[str, str], language: str) -> dict[str, str]:
    """Return the values with the names of the kind and of codes in a language."""
    base = language.split("-", maxsplit=1)[0]
    names = KIND_NAMES.get(base, {})
    kind = values.get("kind", "")
    return {**values, "kind": names.get(kind, kind), **words_of(values, base)}


def _paragraphs(text: str) -> list[list[str]]:
    """Return the text's paragraphs, each as its lines."""
    blocks = text.replace("\r\n", "\n").strip().split("\n\n")
    return [block.strip("\n").split("\n") for block in blocks if block.strip()]
