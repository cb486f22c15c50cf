"""The languages whose words can be cut to their stems: by ISO 639 codes, Snowball's stemmer and the stop words of each.

Stop words are left out of what is indexed and asked for. Where a language has none here, its frequent words weigh
little all the same, for the statistics say how frequent they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

STEMMERS: Final = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
_SAME: Final = {"nb": "no", "nn": "no"}
# With what the apostrophes of English and the Romance languages leave.
STOP_WORDS: Final = {
    "de": (
        "aber als also am an auch auf aus bei bin bis bist da damit dann das dass dein dem den denn der des "
        "dessen die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines er "
        "es euch euer für hab habe haben hat hatte hier ich ihm ihn ihnen ihr ihre im in ist ja jede jedem jeden "
        "jeder jedes kann kein keine können man mein mich mir mit muss nach nicht noch nur ob oder ohne sehr sein "
        "seine sich sie sind so soll über um und uns unser unter vom von vor war waren warum was weil welche "
        "welcher wenn wer werden wie wir wird wo zu zum zur zwischen"
    ),
    "en": (
        "a about after again all also am an and any are aren as at be because been before being but by can could "
        "couldn d did didn do does doesn doing don down each few for from further get had hadn has hasn have "
        "having he her here hers him his how i if in into is isn it its just ll m me more most must my no nor not "
        "now of off on once only or other our ours out over own please re s same shall she should shouldn so some "
        "such t than that the their theirs them then there these they this those through to too under until up us "
        "ve very was wasn we were weren what when where which while who whom whose why will with would wouldn you "
        "your yours"
    ),
    "es": (
        "a al algo ante antes aquí cada como con cual cuando cuál cómo de del desde donde dónde dos e el ella "
        "ellas ellos en entre era es esa ese eso esta este esto estos está están fue ha hay he la las le les lo "
        "los me mi mis muy más no nos o para pero por porque que quien quién qué se ser si sin sobre son su sus "
        "también te tiene todo tu tus un una uno y ya yo"
    ),
    "fr": (
        "a ai au aux avec avez avons c ce ces cet cette comme comment d dans de des donc du elle elles en est et "
        "eu il ils j je l la le les leur leurs lui m ma mais me mes mon n ne nos notre nous on ont ou où par pas "
        "pour pourquoi qu quand que quel quelle qui quoi s sa sans se ses son sont sur t ta te tes toi ton tu un "
        "une vos votre vous y à été être"
    ),
    "it": (
        "a ad agli ai al alla alle anche c che chi ci come con cosa cui d da dal dalla de dei del della delle di "
        "dove e ed era essere gli ha hanno ho i il in io l la le lei lo loro lui ma mi mia mio ne nei nel nella "
        "noi non o ogni per perché più qual quale quando quello questa questo qui se sei si sia sono su sua sul "
        "sulla suo ti tra tu tutto un una uno vi voi è"
    ),
    "nl": (
        "aan al als bij daar dan dat de der deze die dit doch door dus een en er ge geen had heb hebben heeft hem "
        "het hier hij hoe hun ik in is ja je kan me men met mij mijn na naar niet nog nu of om omdat ons onze ook "
        "op over te tegen toch toen tot u uit uw van veel voor waar waarom want waren was wat wel werd wie wij "
        "worden wordt zal ze zich zij zijn zo zou"
    ),
    "pt": (
        "a ao aos as até com como da das de dela dele do dos e ela elas ele eles em entre era essa esse esta este "
        "está eu foi há isso isto já lhe mais mas me mesmo meu minha muito na nas nem no nos não nós o os ou para "
        "pela pelo por porque qual quando que quem se sem ser seu sua são só também te tem um uma você à é"
    ),
}


def known(code: str) -> str | None:
    """The language of a tag such as `en`, `de-AT` or `PT_br`, by the code used here; None where it has no stemmer."""
    first = code.replace("_", "-").partition("-")[0].strip().lower()
    first = _SAME.get(first, first)
    return first if first in STEMMERS else None


def language_of(metadata: Mapping[str, Any], languages: Sequence[str]) -> str:
    """The language of a document: that of `metadata.lang` where it is one of `languages`, else the first of them."""
    tag = metadata.get("lang")
    found = known(tag) if isinstance(tag, str) else None
    return found if found is not None and found in languages else languages[0]
