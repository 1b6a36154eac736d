"""The links in the mail of a resolution: solved, or not yet. Each is good for that resolution."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from services.notify.domain.notices import RESOLUTION, Notice
from shared.contracts.notify import NoticeKind, RecipientKind
from shared.verdicts import PATH, Verdict, VerdictSigner


@dataclass(frozen=True, slots=True)
class AnswerLinks:
    """Makes the links; without a key, or an address at which requesters reach us, there are none."""

    signer: VerdictSigner | None = None
    url: str = ""
    """Of the console, as requesters reach it."""

    def of(self, notice: Notice, *, tenant: str, number: str) -> dict[str, str]:
        """Return ``satisfied_url`` and ``dissatisfied_url`` of a mail to the contact."""
        resolution = notice.details.get(RESOLUTION, "")
        told = (notice.kind, notice.recipient_kind)
        if (
            self.signer is None
            or not self.url
            or told != (NoticeKind.RESOLUTION, RecipientKind.CONTACT)
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
