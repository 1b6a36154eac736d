"""Frequent letters and characters of scripts: by them a language and a charset are told.

Chinese twice: as it is written on the mainland, and as it is elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_LETTERS = {
    "hans": "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年"
    "过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样心她本前开"
    "但因只从想实日意无力它与长把机十民第公此已工使情明性知全三关点正业外将两高间由问很最重并物手应文"
    "体相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度任先海通教原东声提及比员解水"
    "名真处走各入几口认条平系气题活更别打女四神总何电数安少报才反受目量再感建务做接必件计管期市直"
    "请谢您好吗问题打印机网络电脑密码登录系统坏账号邮件无法连接服务器帮忙急",
    "hant": "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年"
    "過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣心她本前開"
    "但因只從想實日意無力它與長把機十民第公此已工使情明性知全三關點正業外將兩高間由問很最重並物手應文"
    "體相見被利什二等產或新己制身果加西斯月話合回特代內信表化老給世位次度任先海通教原東聲提及比員解水"
    "請謝您好嗎題印網路電腦密碼登入系統壞帳號郵件無法連接伺服器幫忙急",
    "kana": "のにはをたがでとしれさるいもなかてらこりあすまくきよっえうおけそちつやせみどばじげめだ"
    "わびんへごぶろべンスルトリアイクラレシタドュプコマフロメバデグサテオニカウィキセパハムモエーツ"
    "ミソネチナケボビジッャ日本語私使用方法願致申上下出来様子時間今会社電話連絡",
    "hangul": "이다는을에의가고하지기로서도한들사자나은를해인리어시아그게정대일수보여구소원전부라스"
    "장제주인과만있없습니까요니안녕세감합되않면으어떻문의프린터컴퓨네트워크비밀번호접속오류",
    "cyrillic": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэф",
    "greek": "αοιετσνηυρπκμλωςίάόέδγχήθφβξύώζ",
    "hebrew": "יוהלארתבמשנעםדקפחטצגכזסןךףץ",
    "arabic": "اليمنرتبةعدسفهكقحجشطصخغذضثزءأإىئؤ",
    "thai": "าานรอกเงมยลวดทสตะปบคหแจพชขใไโผธศถณัิีึุู่้็์ำ",
    "western": "äöüßéèêëàâçñåøæíóúáôîïûœùãõ«»„“”’‘–—…€°§ÄÖÜÉÈÀÇÑÅØÆÁÍÓÚ¿¡",
    "central": "ąćęłńóśźżčďěňřšťůžáéíýúőűĺľŕţșăâîđÁÉÍÓÚĄĆĘŁŃŚŹŻČĎĚŇŘŠŤŮŽŐŰ„”–—…’",
    "turkish": "ğışçöüĞİŞÇÖÜ",
}
FREQUENT: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(letters) for name, letters in _LETTERS.items()
}
SIMPLIFIED: Final = FREQUENT["hans"] - FREQUENT["hant"]
"""Characters that only the simplified script has."""
TRADITIONAL: Final = FREQUENT["hant"] - FREQUENT["hans"]
"""Characters that only the traditional script has."""
