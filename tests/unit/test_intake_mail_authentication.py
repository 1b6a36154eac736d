"""What a trusted mail server says of a sender (RFC 8601), and what a forger adds to it."""

from __future__ import annotations

import pytest

from services.intake.domain.normal import Request
from services.intake.doors import DOORS, Raw, Setup
from services.intake.doors.mail.headers import HEADER_MAX
from services.intake.doors.mail.settings import MailSettings
from tests.support.cost import assert_linear, beginning

MX = "mx.helio.example"


def unproven(
    *results: str,
    proof: str = "dmarc",
    by: str | None = MX,
    sender: str = "Ana <ana@example.org>",
    below: str = "",
) -> bool:
    """Return whether the sender of a mail with these results counts as unproven."""
    head = "".join(f"Authentication-Results: {text}\r\n" for text in results)
    body = f"{head}{below}From: {sender}\r\nTo: help@helio.example\r\nSubject: x\r\n\r\nhi\r\n"
    settings = MailSettings.model_validate({"authserv_id": by, "sender_proof": proof})
    raw = Raw(body=body.encode(), sender="ana@example.org", recipients=("help@helio.example",))
    (found,) = DOORS["smtp"].parse(raw, Setup(settings=settings))
    assert isinstance(found.form, Request)
    return found.form.thread.unproven


@pytest.mark.parametrize(
    ("results", "by_dmarc", "by_alignment"),
    [
        ("dmarc=pass header.from=example.org", False, False),
        ("dmarc=fail (p=none dis=none) header.from=example.org", True, True),
        ("dmarc=none header.from=example.org", False, True),
        ("dmarc=pass header.from=evil.example", True, True),
        ("dkim=pass header.d=example.org header.s=a", False, False),
        ("dkim=pass header.i=@mail.example.org", False, False),
        ("dkim=pass header.d=evil.example", False, True),
        ("dkim=pass header.d=org", False, True),
        ("dkim=pass header.d=notexample.org", False, True),
        ("dkim=fail (bad dkim=pass) header.d=example.org", False, True),
        ("spf=pass smtp.mailfrom=bounces@example.org", False, False),
        ("spf=pass smtp.mailfrom=evil.example; dkim=none", False, True),
        ("spf=pass smtp.helo=example.org", False, True),
        (
            "spf=softfail smtp.mailfrom=example.org; DKIM/1 = PASS header.d=Example.ORG",
            False,
            False,
        ),
        ('dkim=pass reason="a;dmarc=fail" header.d=example.org', False, False),
        (
            "dkim=fail; dmarc=fail header.from=example.org; spf=pass smtp.mailfrom=example.org",
            True,
            True,
        ),
        ("none", False, True),
    ],
)
def test_a_server_says_whether_a_sender_is_proven(
    results: str, *, by_dmarc: bool, by_alignment: bool
) -> None:
    """DMARC must not fail; where more is asked for, something has to speak for the domain of From."""
    assert unproven(f"{MX}; {results}") is by_dmarc
    assert unproven(f"{MX} 1; {results}", proof="aligned") is by_alignment


GOOD = f"{MX}; dmarc=pass header.from=example.org"
BAD = f"{MX}; dmarc=fail header.from=example.org"


def test_only_the_topmost_results_of_the_trusted_server_count() -> None:
    """A forger's stand below those of our server, or bear another name, or claim too much."""
    assert unproven(BAD, GOOD)
    assert unproven("other.example; dmarc=pass", BAD)
    assert not unproven("other.example; dmarc=fail", GOOD)
    assert unproven(f"{MX}.evil.example; dmarc=pass", proof="aligned")
    # One filter knows nothing of DMARC, and a header right below it was forged.
    assert unproven(f"{MX}; spf=none smtp.mailfrom=x.example", GOOD, proof="aligned")
    # A second filter of our server has its header right below that of the first.
    assert unproven(f"{MX}; spf=pass smtp.mailfrom=example.org", BAD)
    far = f"Received: from evil.example by {MX}\r\nAuthentication-Results: {BAD}\r\n"
    assert not unproven(GOOD, below=far)


def test_silence_is_no_proof_where_proof_is_asked_for() -> None:
    """A mail that no filter saw joins as before where DMARC only must not fail."""
    assert not unproven()
    assert unproven(proof="aligned")
    assert not unproven(BAD, by=None)


def test_a_server_without_a_name_is_believed_for_its_topmost_header() -> None:
    """Exchange Online writes none, and puts the comments of its checks between."""
    cloud = (
        "spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=example.org; dkim=none (message not signed)"
        " header.d=none;dmarc=fail action=none header.from=example.org;compauth=fail reason=001"
    )
    assert unproven(cloud, GOOD, by="*")
    assert not unproven(cloud.replace("fail", "pass"), BAD, by="*", proof="aligned")


@pytest.mark.parametrize(
    "sender",
    ["ana@example.org, eve@evil.example", "nobody", "eve@evil.example\r\nFrom: ana@example.org"],
)
def test_of_several_senders_none_is_proven(sender: str) -> None:
    """The server looked at one of them, and nobody knows at which."""
    assert unproven(GOOD, sender=sender)


def test_a_name_in_letters_beyond_ascii_is_its_encoded_one() -> None:
    """Servers write either form."""
    assert not unproven(
        f"{MX}; dmarc=pass header.from=xn--bro-hoa.example", sender="ana@büro.example"
    )


def test_a_hostile_header_costs_no_more_than_its_length() -> None:
    """Whatever stands in it, each part is looked at once; only so much of it is read at all."""
    for text in (
        "(" * 60_000,
        ";a=b" * 15_000,
        '"' * 60_001,
        f"{MX}; " + "a.b=c " * 10_000,
        "\\" * 60_000,
    ):
        for size in (HEADER_MAX, len(text)):
            assert_linear(lambda part: unproven(part, proof="aligned"), beginning(text), size)
