"""Words that say nothing of what a request is about: of grammar, of greeting, of any trouble.

What is rare among a tenant's requests counts, so this list only has to help where few are known.
"""

from __future__ import annotations

from typing import Final

_WORDS = {
    "en": "about after again ago all also always am an and any anybody anyone are as asap ask at back "
    "be because been before being best both but by call can cannot could couldn day days dear did "
    "didn do does doesn don done each else even ever every everybody everyone few first for from "
    "get gets getting give go goes going good got had has have haven he hello help helpdesk her here "
    "hi him his hour hours how if in into is isn it its just keep keeps kind know let like ll look "
    "many me minute minutes more morning most much my myself need needs never new no nobody none not "
    "nothing now of off on once one only or other our out over own people please pls possible "
    "problem problems quite re really regards same say says see seem seems several she should since "
    "so some somebody someone something soon still such support team than thank thanks that the "
    "their them then there these they thing this those through time to today together tomorrow too "
    "tried try trying two until up urgent urgently us use using ve very want was wasn we well went "
    "were what when where whether which while who why will with without won work worked working "
    "works would yesterday yet you your",
    "de": "ab aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim "
    "bereits bin bis bitte bitten brauche brauchen da dabei damit danke dann das dass dem den denn "
    "der des die dies diese diesem diesen dieser dieses doch dort dringend du durch ein eine einem "
    "einen einer eines einige er es etwas euch euer freundliche freundlichen funktioniert für ganz "
    "ganze gar geehrte geehrten geht gern gerne gestern gibt gruß grüße grüßen gut gute guten hab "
    "habe haben hallo hat herren damen heute hier hilfe ich ihm ihn ihnen ihr ihre im immer in ins "
    "ist ja jede jeden jeder jetzt kann kein keine keinen keiner kollege kollegen kollegin können "
    "könnte könnten lassen lässt leider liebe lieben man mehr mein meine meinem meinen meiner mfg "
    "mich mir mit möchte morgen muss nach nachdem neu neue neuen neuer nicht nichts niemand noch nun "
    "nur ob oder ohne problem probleme schnell schon sehr seit sein seine sich sie sind so soll "
    "sowie stunden tag tage über um und uns unser unsere unserem unseren unter viel viele vielen "
    "vom von vor wann war was wäre weder weil wenn wer werden wie wieder will wir wird wo wurde zu "
    "zum zur zusammen zwei",
    "fr": "ai au aucun aussi autre aux avec avez avons bien bonjour car ce cela ces cet cette chez "
    "comme cordialement dans de depuis des dès du elle en est et êtes être eu fait faire ici il ils "
    "je jour la le les leur lors ma madame mais matin me merci mes moi mon monsieur ne nos notre nous "
    "on ont ou où par pas peut peux plus pour pouvez problème qu que quand qui sa sans se ses si son "
    "sont suis sur ta te tous tout toute très un une urgent veuillez vos votre vous",
    "es": "al algo alguien antes ahora ayer ayuda buenas bueno buenos como con cuando de del desde día "
    "días donde el ella ellos en era es esta está están este esto favor gracias ha hace han hay hola "
    "hoy la las le lo los más me mi mis muchas muy nada ni no nos nosotros nuestra nuestro o otra "
    "otro para pero por porque problema puede puedo que qué se ser si sin sobre son soy su sus "
    "también tengo tiene todo todos tu un una urgente usted y ya yo",
}
STOP_WORDS: Final = frozenset(word.casefold() for text in _WORDS.values() for word in text.split())
STOP_SIGNS: Final = frozenset(
    "的了是我您你他她们們请請吗嗎呢吧也都就很太这這那个個和与與把被让讓给給从從没沒不谢謝"
    "帮幫麻烦煩好今昨天早晨晚午直"
)
"""Chinese characters of grammar, greeting and time: a pair with one of them says nothing."""
