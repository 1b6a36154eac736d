"""How programs quote, forward and sign, by language: each as they write it."""

from __future__ import annotations

import pytest

from services.intake.domain.mail_quotes import split_reply

ANSWER = "It is dark again."
QUOTING = """\
On Wed, Sep 25, 2013, at 03:57 PM, ana_sand wrote:
On Thursday, June 27, 2013, ana via Forum Meta wrote:
On Wed, 2015-12-02 at 13:58 +0000, Ana Sand wrote:
On 10/12/15 12:30, Ana Sand wrote:
---- On Tue, 22 Dec 2015 14:17:36 +0530 Ana Sand<ana@example.org> wrote ----
 ---- On Tue, 22 Dec 2015 14:17:36 +0530 Ana Sand <ana@example.org> wrote ---
Op 24 aug. 2013 om 16:48 heeft ana via Forum <ana@example.org> het volgende geschreven:
Le 4 janv. 2016 19:03, "Ana Sand" <ana@example.org> a écrit :
Le mar. 4 janv. 2016 à 19:03, Ana Sand <ana@example.org> a écrit :
Dnia 14 lip 2015 o godz. 00:25 Ana Sand <ana@example.org> napisał(a):
pt., 3 sty 2020 o 10:15 Ana Sand <ana@example.org> napisał(a):
W dniu 2015-07-14 o 00:25, Ana Sand pisze:
Em seg, 27 de jul de 2015 17:13, Ana Sand <ana@example.org> escreveu:
El jueves, 21 de noviembre de 2013, ana escribió:
El jue, 21 nov 2013 a las 10:00, Ana Sand (<ana@example.org>) escribió:
At 6/16/2016 08:32 PM, you wrote:
Op 10 dec. 2015 18:35 schreef "Ana Sand" <ana@example.org>:
Am 18.09.2013 um 16:24 schrieb ana <ana@example.org>:
Am Mi., 18. Sept. 2013 um 16:24 Uhr schrieb Ana Sand <ana@example.org>:
Den 15. jun. 2016 kl. 20.42 skrev Ana Sand <ana@example.org>:
søn. 30. apr. 2017 kl. 00.26 skrev Ana Sand <ana@example.org>:
Den tors 15 juni 2016 kl 20:42 skrev Ana Sand <ana@example.org>:
15 juni 2016 kl. 20:42 skrev Ana Sand <ana@example.org>:
суббота, 14 марта 2015 г. пользователь ana написал:
23 mar 2017 21:25 "Ana Sand" <ana@example.org> napisał(a):
30 серп. 2016 р. 20:45 "Ana" ana@example.com пише:
Ana Sand <ana@example.org> schrieb am Fr., 28. Apr. 2017 um 11:53 Uhr:
Ana Sand wrote on 04/28/2017 11:53 AM:
2016-03-03 17:21 GMT+01:00 Ana Sand <ana@example.org>:
вт, 5 янв. 2016 г. в 23:39, Ana Sand <ana@example.org>:
ср, 1 апр. 2015, 18:29, Ana Sand <ana@example.org>:
ana via Forum <ana@example.org> schrieb:
Ana Sand <ana@example.org> wrote:
Ana Sand (ana@example.org) wrote:
Quoting Ana Sand <ana@example.org>:
Zitat von Ana Sand <ana@example.org>:
In message <abc@example.org> Ana Sand writes:
Dne 15. června 2016 20:42 Ana Sand <ana@example.org> napsal(a):
st 15. 6. 2016 v 20:42 odesílatel Ana Sand <ana@example.org> napsal:
Dňa 15. 6. 2016 o 20:42 Ana Sand napísal(a):
Il giorno mer 15 giu 2016 alle ore 20:42 Ana Sand <ana@example.org> ha scritto:
Il 15/06/2016 20:42, Ana Sand ha scritto:
2016年6月15日(水) 20:42 Ana Sand <ana@example.org>:
2016/06/15 20:42、Ana Sand <ana@example.org>のメール:
2016年6月15日 20:42、Ana Sand <ana@example.org>のメール：
雨州 <ana@example.org> 在 2026年2月29日 周六 19:47 写道：
2026年2月29日 周六 19:47 雨州 <ana@example.org> 写道：
在 2016-06-15 20:42:00，"Ana Sand" <ana@example.org> 写道：
在2016年06月15日 20:42，Ana Sand<ana@example.org> 写道：
Ana Sand <ana@example.org> 於 2016年6月15日 週三 下午8:42寫道：
2016년 6월 15일 (수) 오후 8:42, Ana Sand <ana@example.org>님이 작성:
2016. 6. 15. 오후 8:42, Ana Sand <ana@example.org> 작성:
Ana Sand <ana@example.org>, 15 Haz 2016 Çar, 20:42 tarihinde şunu yazdı:
15 Haziran 2016 20:42 tarihinde Ana Sand <ana@example.org> yazdı:
ke 15. kesäk. 2016 klo 20.42 Ana Sand (ana@example.org) kirjoitti:
Ana Sand <ana@example.org> ezt írta (időpont: 2016. jún. 15., Sze, 20:42):
2016.06.15. 20:42 keltezéssel, Ana Sand írta:
Στις Τετ, 15 Ιουν 2016 στις 8:42 μ.μ., ο/η Ana Sand <ana@example.org> έγραψε:
في الأربعاء، 15 يونيو 2016 في 8:42 م تمت كتابة ما يلي بواسطة Ana Sand <ana@example.org>:
Pada Rab, 15 Jun 2016 pukul 20.42 Ana Sand <ana@example.org> menulis:
Vào Th 4, 15 thg 6, 2016 vào lúc 20:42 Ana Sand <ana@example.org> đã viết:
În mie., 15 iun. 2016 la 20:42, Ana Sand <ana@example.org> a scris:
Пн, 15 черв. 2016 о 20:42 Ana Sand <ana@example.org> пише:
на 15.06.2016 г. в 20:42 ч., Ana Sand <ana@example.org> написа:
El mié., 15 jun. 2016 20:42, Ana Sand <ana@example.org> va escriure:
От: Ana Sand <ana@example.org>|Отправлено: 15 июня 2016|Тема: экран
-----Original Message-----|From: Ana|Sent: x
----- Reply message -----|From: Ana
------------------ 原始邮件 ------------------|发件人: "Ana"
------------------&nbsp;原始邮件&nbsp;------------------|发件人: "Ana"
发件人： Ana|发送时间： 2016-06-15|收件人： x|主题： y
________________________________|From: Ana <ana@example.org>|Sent: Wednesday|To: x|Subject: y
________________________________|From: Ana <ana@example.org>|Date: Wednesday|To: x|Subject: y
De : Ana Sand|Envoyé : mercredi|À : x|Objet : y
Von: Ana Sand|Gesendet: Mittwoch|An: x|Betreff: y
Von: Ana Sand [mailto:ana@example.org]|An: x|Gesendet: Mittwoch|Betreff: y
*From:* Ana Sand <ana@example.org>|*Sent:* Wednesday|*To:* x|*Subject:* y
*Von:* Ana|*Datum:* x|*An:* y|*Betreff:* z
From: Ana|To: x|Date: y|Subject: z
Da: Ana|Inviato: x|A: y|Oggetto: z
Fra: Ana|Sendt: x|Til: y|Emne: z
Od: Ana|Odesláno: x|Komu: y|Předmět: z
Lähettäjä: Ana|Lähetetty: x|Vastaanottaja: y|Aihe: z
보낸 사람: Ana|보낸 날짜: x|받는 사람: y|제목: z
差出人: Ana|送信日時: x|宛先: y|件名: z
寄件者: Ana|寄件日期: x|收件者: y|主旨: z
From: Ana Sand|To: x|Subject: y
От: Ana Sand|Отправлено: четверг, 26 июня 2014 г.|Кому: Bo
----------|From: Ana Sand <ana@example.org>|Date: x|Subject: y
Date: Wed, 15 Jun 2016|From: Ana|To: x|Subject: y
Subject: y|From: Ana|To: x|Date: z
To: x|From: Ana|Date: z|Subject: y
From:        Ana Sand/HQ/Example|To:        x|Date:        15.06.2016|Subject:        Re: y
On Wed, Jun 15, 2016 at 8:42 PM,|Ana Sand <ana@example.org> wrote:
On Wed, Jun 15, 2016 at 8:42 PM, Ana Sand <|ana@example.org> wrote:
On Wed, Jun 15, 2016 at 8:42 PM, Ana Sand|<ana.with.a.long.address@example.org|> wrote:
Le mer. 15 juin 2016 à 20:42, Ana Sand <ana@example.org> a|écrit :
Le mer. 15 juin 2016 à 20:42, Ana Sand <ana@example.org>|a écrit :
Am 15.06.2016 um 20:42 schrieb Ana Sand|<ana@example.org>:
El mié., 15 jun. 2016 a las 20:42, Ana Sand (<|ana@example.org>) escribió:
El 15/06/2016 a las 20:42, Ana Sand escribió:
Le 15/06/2016 à 20:42, Ana Sand a écrit :
##- Please type your reply above this line -##
--- reply above this line ---
--- Original message by ana ---
-------- Original-Nachricht --------|Datum: x
-------- Ursprüngliche Nachricht --------|Von: Ana
-------- Messaggio originale --------|Da: Ana
-----Ursprungligt meddelande-----|Från: Ana
-----Opprinnelig melding-----|Fra: Ana
-----Alkuperäinen viesti-----|Lähettäjä: Ana
-----Eredeti üzenet-----|Feladó: Ana
-----Mesaj original-----|De la: Ana
--- Ursprüngliche Nachricht von Ana ---
-----元のメッセージ-----|From: Ana
"""
"""A line each; a vertical line is where the program breaks it."""
ABOVE_QUOTED = """\
2013/10/2 Ana <ana@example.org>
On Jun 15, 2016, at 8:42 PM, Ana Sand <ana@example.org> wrote
Ana Sand wrote:
Ana Sand schrieb:
ana via Forum wrote:
"""
"""Too little by itself: only where marked lines follow."""
FORWARDING = """\
---------- Forwarded message ---------
-------- Forwarded Message --------
Begin forwarded message:
-------- Weitergeleitete Nachricht --------
Anfang der weitergeleiteten Nachricht:
Début du message transféré :
---------- Mensaje reenviado ---------
-------- Messaggio Inoltrato --------
-------- Doorgestuurd bericht --------
-------- Пересылаемое сообщение --------
---------- 转发的邮件 ----------
"""
SIGNING = """\
Thanks,|Ana
Cheers|Ana Sand
Best,|Ana
Mvh|Ana
Med venlig hilsen|Ana Sand
Vänliga hälsningar,|Ana
Ystävällisin terveisin|Ana
Pozdrawiam,|Ana
Z powazaniem,|Ana
S pozdravem|Ana
Atenciosamente,|Ana
Groeten,|Ana
Viele Grüße aus Bonn|Ana
Mit bestem Gruß|Ana
Sent via mobile
(Sent from mobile device)
Sent with Airmail
Sendt fra min iPhone
Skickat från min iPhone
Verzonden vanaf mijn iPhone
Odesláno z mého iPhonu
Wysłano z mojego iPhone'a
Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.
Hent Outlook til iOS
從我的 iPhone 傳送
내 iPhone에서 보냄
"""


def cases(table: str) -> list[str]:
    """Return the entries of a table, with their breaks as line feeds."""
    return [line.replace("|", "\n") for line in table.splitlines()]


@pytest.mark.parametrize("head", cases(QUOTING))
def test_what_a_program_puts_above_an_earlier_mail_ends_the_answer(head: str) -> None:
    """In every language, whether the earlier mail is marked or not."""
    assert split_reply(f"{ANSWER}\n\n{head}\n> It was dark.\n> Bye\n").new == ANSWER
    assert split_reply(f"{ANSWER}\n\n{head}\n\nIt was dark.\nBye\n").new == ANSWER


@pytest.mark.parametrize("head", cases(ABOVE_QUOTED))
def test_a_name_above_marked_lines_goes_with_them(head: str) -> None:
    """Without marked lines it is what somebody says of somebody."""
    assert split_reply(f"{ANSWER}\n\n{head}\n> It was dark.\n").new == ANSWER
    alone = f"{ANSWER}\n\n{head}\nIt was dark."
    assert split_reply(alone).new == alone


@pytest.mark.parametrize("head", cases(FORWARDING))
def test_what_is_passed_on_stays_whatever_the_subject_says(head: str) -> None:
    """With all that it quotes; a signature above it goes."""
    passed_on = (
        f"{head}\nFrom: Bo <bo@example.org>\nDate: Monday\nSubject: x\n\nIt is dark.\n> Is it?"
    )
    for forwarded in (False, True):
        split = split_reply(f"See below.\n\n-- \nAna\n\n{passed_on}", forwarded=forwarded)
        assert split.new.replace("\n\n", "\n") == f"See below.\n{passed_on}".replace("\n\n", "\n")


@pytest.mark.parametrize("signature", cases(SIGNING))
def test_a_program_or_a_person_signs(signature: str) -> None:
    """A formula with a name below it, and what telephones add."""
    assert split_reply(f"{ANSWER}\n\n{signature}\n").new == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        "The printer is dark.\nThank you!",
        "Sent from my desk, this takes longer than from my telephone.\nCan I have another?",
        "Dark.\n\nSent from my desk, is much easier than my mobile phone.",
        "At 10:30 on 5.1.2026 the user bo@example.org saw this:\nerror 17",
        "As he wrote\nit is dark.",
        "Please call Bo <bo@example.org>\nHe knows.",
        "Subject: my desk\nFrom: Monday on\nit wobbles.",
        "Hello,\nthe report of 2026-01-05 10:30 from <bo@example.org> says:\nerror 17".replace(
            "<bo@example.org>", "bo@example.org"
        ),
    ],
)
def test_words_of_people_stay(text: str) -> None:
    """Times, addresses and words of writing stand in what people report, too."""
    assert split_reply(text).new == text


def test_the_line_above_an_attribution_is_no_part_of_it() -> None:
    """Programs break attributions, so that neighbours have to be told apart."""
    text = (
        'Hello\n02.04.2012 14:20 пользователь "bo@example.org" <\nbo@example.org> написал:\n\n> Hi'
    )
    assert split_reply(text).new == "Hello"
    text = "Hello\n> On 22 Aug 2015, at 19:21, Bo <bo@example.org> wrote:\n>\n> Hi there!"
    assert split_reply(text).new == "Hello"


def test_the_rest_of_a_quoted_line_that_was_broken_is_quoted() -> None:
    """Programs break marked lines without marking the rest; an answer follows a whole line."""
    long = "> " + "the screen on the second floor is dark again " * 2
    text = f"{ANSWER}\n\nOn 2 March Desk wrote:\n{long}\nsince nine.\n> Bye"
    assert split_reply(text).new == ANSWER
    assert (
        split_reply("> Which floor?\nThe second.\n> Since when?\nNine.").new == "The second.\nNine."
    )


def test_what_a_telephone_adds_stands_below_a_signature() -> None:
    """Both go."""
    assert split_reply(f"{ANSWER}\n\nBest,\nAna\n\nSent from my iPhone").new == ANSWER
    assert split_reply(f"{ANSWER}\n\n————————————————————\nAna\nIT").new == ANSWER


def test_marks_of_the_direction_of_writing_hide_no_attribution() -> None:
    """Programs put them around lines in Hebrew and Arabic."""
    head = "\u202bבתאריך יום ד׳, 15 ביוני 2016 ב-20:42 מאת \u202aAna\u202c <\u202aana@example.org\u202c\u200f>:\u202c"
    assert split_reply(f"{ANSWER}\n\n{head}\n\nIt was dark.").new == ANSWER


def test_groupwise_marks_the_beginning_only() -> None:
    """What stands below its line is quoted, though nothing marks it."""
    text = f"{ANSWER}\n\n>>> Bo <bo@example.org> 6/15/2016 8:42 PM >>>\nIt was dark."
    assert split_reply(text).new == ANSWER
