"""In which language a text is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.language import detect, prepare

CANDIDATES = ("en", "de", "fr", "es", "ru", "zh-Hans", "zh-Hant", "ja", "ko")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The printer on the second floor is broken", "en"),
        ("Outlook crashes when I open the shared calendar", "en"),
        ("Hallo zusammen, mein Passwort ist abgelaufen", "de"),
        ("L'imprimante du deuxième étage est en panne", "fr"),
        ("La impresora del segundo piso no funciona", "es"),
        ("Принтер не работает с самого утра", "ru"),
        ("打印机坏了，请帮忙看一下", "zh-Hans"),
        ("印表機壞了，請幫忙看一下", "zh-Hant"),
        ("VPN连不上了怎么办", "zh-Hans"),
        ("プリンターが壊れました", "ja"),
        ("会議室の電話が使えません", "ja"),
        ("프린터가 고장났습니다", "ko"),
    ],
)
def test_a_language_is_told(text: str, language: str) -> None:
    """By its script where that tells, Chinese by its characters, else by its letters."""
    found = detect(text, CANDIDATES)
    assert found is not None
    assert found[0] == language
    assert 0.5 < found[1] <= 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hi",
        "VPN",
        "打印",
        "error 0x80070005 in outlook.exe",
        "https://x.example/a/b/c",
        "1 2 3",
    ],
)
def test_a_short_text_tells_nothing(text: str) -> None:
    """Names, codes and greetings are of any language."""
    assert detect(text, CANDIDATES) is None


def test_only_languages_that_are_looked_for_are_found() -> None:
    """Chinese in the other script is still Chinese; Italian is none of English and German."""
    assert detect("印表機壞了，請幫忙看一下", ("en", "zh-Hans")) == ("zh-Hans", 0.99)
    assert detect("印表機壞了，請幫忙看一下", ("en", "de")) is None
    assert detect("La stampante al secondo piano non funziona più", ("en", "de")) is None
    found = detect("The printer on the second floor is broken", ("en-GB", "de"))
    assert found is not None
    assert found[0] == "en-GB"


@pytest.mark.parametrize(
    ("candidates", "simplified", "traditional"),
    [
        (("zh-CN", "zh-TW"), "zh-CN", "zh-TW"),
        (("zh-HK", "zh-SG"), "zh-SG", "zh-HK"),
        (("zh-Hans-CN", "zh-Hant-TW"), "zh-Hans-CN", "zh-Hant-TW"),
        (("zh", "zh-Hant-HK"), "zh", "zh-Hant-HK"),
        (("en", "zh-TW"), "zh-TW", "zh-TW"),
    ],
)
def test_chinese_of_countries_differs_by_its_script(
    candidates: tuple[str, ...], simplified: str, traditional: str
) -> None:
    """Where the tag names no script its country does; any Chinese comes before none."""
    found = [
        detect(t, candidates) for t in ("打印机坏了，请帮忙看一下", "印表機壞了，請幫忙看一下")
    ]
    assert found == [(simplified, 0.99), (traditional, 0.99)]


@given(text=st.text(max_size=300))
def test_any_text_is_told_or_not(text: str) -> None:
    """Nothing raises, and what is found was looked for."""
    prepare()
    found = detect(text, CANDIDATES)
    assert found is None or (found[0] in CANDIDATES and 0 <= found[1] <= 1)
