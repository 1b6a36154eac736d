"""What is new in a mail, in the formats and languages of the common programs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.mail_quotes import is_forward, split_reply
from services.intake.doors.mail.pages import cleaned, html_text
from tests.support.cost import assert_linear, beginning

SIZE = 64 * 1024


@pytest.mark.parametrize(
    "attribution",
    [
        "On Mon, 2 Mar 2026 at 09:00, Desk <help@helio.example> wrote:",
        "On 2026-03-02 09:00, Desk\n<help@helio.example> wrote:",
        "Am Mo., 2. März 2026 um 09:00 Uhr schrieb Desk <\nhelp@helio.example>:",
        "Am 02.03.26 um 09:00 schrieb Desk:",
        "Le lun. 2 mars 2026 à 09:00, Desk <help@helio.example> a écrit :",
        "El lun, 2 mar 2026 a las 9:00, Desk (<help@helio.example>) escribió:",
        "Il giorno lun 2 mar 2026 alle ore 09:00 Desk <help@helio.example> ha scritto:",
        "Em seg., 2 de mar. de 2026 às 09:00, Desk <help@helio.example> escreveu:",
        "Op ma 2 mrt 2026 om 09:00 schreef Desk <help@helio.example>:",
        "Den mån 2 mars 2026 kl 09:00 skrev Desk <help@helio.example>:",
        "pon., 2 mar 2026 o 09:00 Desk <help@helio.example> napisał(a):",
        "пн, 2 мар. 2026 г. в 09:00, Desk <help@helio.example>:\n> x\n2 марта 2026 Desk написал:",
        "Desk <help@helio.example> 于2026年3月2日周一 09:00写道：",
        "Desk <help@helio.example> 於 2026年3月2日 週一 上午9:00寫道：",
        "2026年3月2日(月) 9:00 Desk <help@helio.example>:",
        "2026년 3월 2일 (월) 오전 9:00, Desk <help@helio.example>님이 작성:",
    ],
)
def test_what_stands_below_an_attribution_is_quoted(attribution: str) -> None:
    """Whatever the language, and where the line is broken in two."""
    split = split_reply(f"Still broken.\n\n{attribution}\n\n> Is it?\n> Tell us.\n")
    assert split.new.split("\n")[0] == "Still broken."
    assert "Tell us" not in split.new
    assert not split.whole


@pytest.mark.parametrize(
    "block",
    [
        "From: Desk <help@helio.example>\nSent: Monday, 2 March 2026 09:00\nTo: Ana\nSubject: RE: x",
        "________________________________\nVon: Desk\nGesendet: Montag\nAn: Ana\nBetreff: AW: x",
        "*From:* Desk\n*Date:* Monday\n*To:* Ana\n*Subject:* x",
        "De : Desk\nEnvoyé : lundi 2 mars 2026\nÀ : Ana\nObjet : RE: x",
        "De: Desk\nEnviado el: lunes\nPara: Ana\nAsunto: x",
        "Da: Desk\nInviato: lunedì\nA: Ana\nOggetto: R: x",
        "发件人: Desk\n发送时间: 2026年3月2日\n收件人: Ana\n主题: 回复: x",
        "寄件者: Desk\n寄件日期: 2026年3月2日\n收件者: Ana\n主旨: 回覆: x",
        "差出人: Desk\n送信日時: 2026年3月2日\n宛先: Ana\n件名: RE: x",
        "От: Desk\nОтправлено: 2 марта 2026\nКому: Ana\nТема: x",
        "보낸 사람: Desk\n보낸 날짜: 2026년 3월 2일\n받는 사람: Ana\n제목: RE: x",
        "-----Original Message-----\nFrom: Desk",
        "-----Ursprüngliche Nachricht-----\nVon: Desk",
        "------------------ 原始邮件 ------------------\n发件人: Desk",
    ],
)
def test_what_stands_below_a_block_of_headers_is_quoted(block: str) -> None:
    """As Outlook writes it, and others."""
    split = split_reply(f"Still broken.\n\n{block}\n\nIs it? Tell us.\n")
    assert split.new == "Still broken."


def test_answers_between_quoted_lines_stay() -> None:
    """Who answers point by point has written all that is not quoted."""
    text = "On 2 March Desk wrote:\n> Which floor?\nThe second.\n> Since when?\nMonday."
    assert split_reply(text).new == "The second.\nMonday."


@pytest.mark.parametrize(
    "text",
    [
        "Please move the desk\nFrom: building 5\nTo: building 7\nDate: 3 March\nThank you!",
        "On Monday 2 March my boss wrote a mail.\nIt did not arrive:\nwhy?",
        "Thanks,\n\nbut also the printer in room 5 does not work.",
        "> all is quoted\n> and nothing new",
        "-- \nonly a signature",
        "From: Desk\nSent: Monday\nSubject: x\n\nforwarded without a word",
        "It prints -- but slowly.",
        "",
    ],
)
def test_what_only_looks_quoted_stays(text: str) -> None:
    """People write of moves and trips; where nothing would be left, everything stays."""
    split = split_reply(text)
    assert split.new == text
    assert split.whole


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAna Müller\nACME Ltd.\nTel. 123",
        "Best regards,\nAna\nACME",
        "Mit freundlichen Grüßen\n\nAna Müller\nTel. 123",
        "Cordialement,\nAna",
        "此致\n陈娜",
        "С уважением,\nАна",
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "发自我的iPhone",
        "iPhoneから送信",
        "_______________________________________________\nit-list mailing list\nit@example.org",
    ],
)
def test_a_signature_is_split_off(signature: str) -> None:
    """The ruled one, the closing formula, what telephones and lists add."""
    assert split_reply(f"Screen dark.\n\n{signature}\n").new == "Screen dark."


def test_a_closing_formula_before_more_to_read_is_no_signature() -> None:
    """Somebody who goes on writing has not signed."""
    text = "Dark.\n\nBest regards\nAna\n\nP.S. Please call me before noon, I leave at one."
    assert split_reply(text).new == text


def test_what_is_forwarded_is_what_it_is_about() -> None:
    """Its quoted part stays; a signature goes."""
    text = "See below.\n\nFrom: Bo\nSent: Monday\nSubject: x\n\nThe screen is dark."
    assert split_reply(text, forwarded=True).new == text
    for subject in ("Fwd: x", "FW: x", "WG: x", "TR: x", "转发: x", "転送: x", "[ext] Fw: x"):
        assert is_forward(subject)
    for subject in ("Re: x", "x", "Forward this", "AW: WG"):
        assert not is_forward(subject)


HOSTILE = {
    "gt": ">\n" * (SIZE // 2),
    "blank": "\n" * SIZE,
    "on": "On 1\n" * (SIZE // 5),
    "colons": "On 1:\n" * (SIZE // 6),
    "from": "From: a\n" * (SIZE // 8),
    "headers": "From: a\nSent: b\n" * (SIZE // 16),
    "rules": ("_" * 40 + "\n") * (SIZE // 41),
    "dashes": "--\n" * (SIZE // 3),
    "closing": "regards\n" * (SIZE // 8),
    "wrote": " wrote" * (SIZE // 6),
    "schrieb": ("am 1 " + "schrieb " * 12 + ":\n") * (SIZE // 104),
    "years": "2026年1月1日 2026年1月1日:\n" * (SIZE // 22),
    "at": "@\n" * (SIZE // 2),
    "one line": "a" * SIZE,
    "brackets": "[" * SIZE,
    "ruled": "---- on a wrote b\n" * (SIZE // 18),
    "bracketed": "<a@b.c> 2026 10:30:\n" * (SIZE // 20),
    "threes": "x\ny\nz wrote\n" * (SIZE // 12),
    "named": "Subject: x\nTo: y\n" * (SIZE // 17),
    "telephones": "Sent from my iPhone\n" * (SIZE // 20),
    "broken": ("> " + "a" * 70 + "\nb\n") * (SIZE // 75),
    "spaces": "\u00a0" * SIZE,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_costs_more_than_its_length(name: str) -> None:
    """Up to 64 kilobytes, whatever somebody thinks of: never the square."""
    text = HOSTILE[name]
    assert_linear(lambda part: (split_reply(part), is_forward(part)), beginning(text), SIZE)


PAGES = {
    "nested": "<div>" * (SIZE // 5),
    "bold": "<b>" * (SIZE // 3),
    "tables": "<table><tr><td>" * (SIZE // 15),
    "misnested": "<i><p>" * (SIZE // 6),
    "comments": "<!--" * (SIZE // 4),
    "open": "<" * SIZE,
    "flat": "<div></div>" * (SIZE // 11),
    "entities": "&amp" * (SIZE // 4),
}


@pytest.mark.parametrize("name", PAGES)
def test_no_page_costs_more_than_its_length(name: str) -> None:
    """Up to 64 kilobytes. Deep nesting is not followed, since it costs the square of itself."""
    page = PAGES[name]
    assert_linear(cleaned, beginning(page), SIZE)
    assert_linear(html_text, beginning(page), SIZE)


PIECES = st.sampled_from(
    [
        *("a", "\n", "> x\n", "From: x\n", "Sent: x\n", "Subject: x\n", "-- \n", "\n\n", "Dark.\n"),
        *(
            "On 2 March Ana wrote:\n",
            "Best regards\n",
            "-----Original Message-----\n",
            "_" * 45,
            "",
        ),
    ]
)


@given(pieces=st.lists(PIECES, max_size=20))
def test_what_is_new_is_part_of_the_text(pieces: list[str]) -> None:
    """Every new line was there before, in its order; something is always left."""
    text = "".join(pieces)
    split = split_reply(text)
    lines = iter(text.split("\n"))
    assert all(any(line.strip() == old.strip() for old in lines) for line in split.new.split("\n"))
    assert split.whole == (split.new == text)
    assert bool(split.new.strip()) == bool(text.strip())
