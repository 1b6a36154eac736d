"""The links in the mails of a resolution, and of a reminder of it: solved, or not yet. Each is good for that resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from services.notify.domain.notices import RESOLUTION, Notice
from shared.contracts.notify import NoticeKind, RecipientKind
from shared.verdicts import PATH, Verdict, VerdictSigner

ANSWERED: Final = frozenset({NoticeKind.RESOLUTION, NoticeKind.REMINDER})
"""Mails that ask the contact whether it is solved."""


@dataclass(frozen=True, slots=True)
class AnswerLinks:
    """Makes the links; without a key, or an address at which requesters reach us, there are none."""

    signer: VerdictSigner | None = None
    url: str = ""
    """Of the console, as requesters reach it."""

    def of(self, notice: Notice, *, tenant: str, number: str) -> dict[str, str]:
        """Return ``satisfied_url`` and ``dissatisfied_url`` of a mail to the contact."""
        resolution = notice.details.get(RESOLUTION, "")
        if (
            self.signer is None
            or not self.url
            or notice.kind not in ANSWERED
            or notice.recipient_kind is not RecipientKind.CONTACT
            or not resolution.isdecimal()
        ):
            return {}
        found: dict[str, str] = {}
        for name, satisfied in (("satisfied_url", True), ("dissatisfied_url", False)):
            verdict = Verdict(number=number, resolution=int(resolution), satisfied=satisfied)
            token = self.signer.token(verdict, tenant=tenant)
            if token:
                base = self.url.rstrip("/")
                found[name] = f"{base}{PATH}/{quote(tenant, safe='')}/{token}"
        return found
