"""What the first start sets up: the sample organisation, accounts, tokens, articles.

Every step asks first what is there already, so that a start which was cut off is completed by
the next one, and a later start changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from heliodesk.api import Api
from heliodesk.product.addresses import repository
from heliodesk.product.articles import load_articles
from heliodesk.product.directory import read_directory
from heliodesk.product.secrets import COMMAND_LINE_TOKEN, DEMO_SECRETS, Secrets, integration_token
from shared.clock import Clock
from shared.organisation import Configuration, parse_sections

SAMPLE: Final = repository() / "deploy" / "sample"
ADMIN: Final = "admin"
COMMAND_LINE: Final = "command-line"
INTEGRATION_TOKENS: Final = (*DEMO_SECRETS, "cloudevents-demo")
PASSWORD_CHARACTERS: Final = 16
"""Letters and digits: 95 bits, and nothing that a shell or a form would mistake."""
ACCOUNTS_AT_ONCE: Final = 4
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in; the password is None where it is not told again."""

    name: str
    password: str | None


@dataclass(frozen=True, slots=True)
class Welcome:
    """What there is to show after a start. Passwords are set on the first start only."""

    admin: Account
    agents: tuple[str, ...]
    agents_password: str | None
    configuration_version: int
    articles: int


class FirstStart:
    """Completes what is missing, by the bootstrap token of control."""

    def __init__(
        self,
        *,
        control: Api,
        knowledge: Callable[[], Api],
        home: Path,
        secrets: Secrets,
        clock: Clock,
        say: Callable[[str], None],
        sample: Path = SAMPLE,
    ) -> None:
        """``knowledge`` makes the API once the command line's token is there."""
        self._control = control
        self._knowledge = knowledge
        self._marker = home / "first-start.done"
        self._secrets = secrets
        self._clock = clock
        self._say = say
        self._sample = sample

    def run(self) -> Welcome:
        """Set up what is missing.

        Raises:
            CliError: a service refuses, or does not answer.
        """
        version = self._configuration()
        known = {identity["name"]: identity for identity in self._identities()}
        self._command_line(known)
        self._integrations(known)
        if self._marker.exists() and ADMIN in known:
            return Welcome(
                admin=Account(ADMIN, None),
                agents=tuple(sorted(n for n, i in known.items() if i["roles"] == ["agent"])),
                agents_password=None,
                configuration_version=version,
                articles=0,
            )
        admin = Account(ADMIN, new_password(self._clock))
        self._person(admin, ["admin", "agent"], known)
        agents = tuple(agent.id for agent in self._read_sample().all_agents())
        password = new_password(self._clock)
        self._say(f"making {len(agents)} agents' accounts")
        with ThreadPoolExecutor(ACCOUNTS_AT_ONCE) as pool:
            # A password takes control a quarter of a second of hashing, in threads of its own.
            list(pool.map(lambda a: self._person(Account(a, password), ["agent"], known), agents))
        articles = load_articles(self._knowledge(), self._sample / "articles", say=self._say)
        return Welcome(
            admin=admin,
            agents=agents,
            agents_password=password,
            configuration_version=version,
            articles=articles,
        )

    def finish(self) -> None:
        """Note that the passwords have been shown: they will not be made anew."""
        self._marker.write_text("The passwords were shown at the first start.\n", encoding="utf-8")

    def _configuration(self) -> int:
        current: int = self._control.get("/v1/configuration")["version"]
        if current:
            return current
        sections = self._read_sample().sections()
        self._say("applying the sample organisation")
        applied = self._control.call(
            "PUT",
            "/v1/configuration",
            {"sections": sections, "note": "the sample organisation"},
            headers={"If-Match": '"0"'},
        )
        return int(applied["version"])

    def _read_sample(self) -> Configuration:
        return parse_sections(read_directory(self._sample))

    def _identities(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = ""
        while page := self._control.get("/v1/identities", after=after, limit=_PAGE):
            found += page
            after = page[-1]["name"]
        return found

    def _command_line(self, known: dict[str, dict[str, Any]]) -> None:
        wanted = {"kind": "agent", "name": COMMAND_LINE, "roles": ["admin"]}
        self._token(wanted, file=COMMAND_LINE_TOKEN, known=known)

    def _integrations(self, known: dict[str, dict[str, Any]]) -> None:
        for name in INTEGRATION_TOKENS:
            wanted = {"kind": "integration", "name": name, "roles": ["integration"]}
            self._token(wanted, file=integration_token(name), known=known)

    def _token(
        self, wanted: dict[str, Any], *, file: str, known: dict[str, dict[str, Any]]
    ) -> None:
        """Make an identity and keep a token of it, unless both are there."""
        name = wanted["name"]
        if name in known and self._secrets.find(file):
            return
        identity = known.get(name) or self._control.call("POST", "/v1/identities", wanted)
        body = {"label": "made by heliodesk up"}
        issued = self._control.call("POST", f"/v1/identities/{identity['id']}/tokens", body)
        self._secrets.save(file, issued["token"])

    def _person(
        self, account: Account, roles: Sequence[str], known: dict[str, dict[str, Any]]
    ) -> None:
        """Make an account; where a start was cut off before it told the password, set it anew."""
        body = {"kind": "agent", "name": account.name, "roles": list(roles)}
        identity = known.get(account.name)
        if identity is None:
            self._control.call("POST", "/v1/identities", {**body, "password": account.password})
            return
        path = f"/v1/identities/{identity['id']}/password"
        self._control.send("PUT", path, json={"password": account.password})


def new_password(clock: Clock) -> str:
    """Return a new password of letters and digits."""
    found = ""
    while len(found) < PASSWORD_CHARACTERS:
        found += "".join(c for c in clock.secret() if c.isalnum())
    return found[:PASSWORD_CHARACTERS]
