"""What is logged of a request: under its id, and without what was asked."""

from __future__ import annotations

import json
import re
from contextvars import ContextVar
from typing import Final
from urllib.parse import quote

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
"""The id of the request that is being answered, for what logs lines."""

_WITHHELD: Final = "[…]"
_BEGINNING: Final = 4
_ASCII: Final = "[A-Za-z0-9_]"


def speakable(error: BaseException, query: str) -> BaseException:
    """An error that is logged like this one, its causes too, but whose messages hold no word of the query.

    What others say of a text may quote it, whole, cut or escaped, so each of its words is left out.
    """
    return _speakable(error, _words(query)) if query else error


def _speakable(error: BaseException, words: re.Pattern[str]) -> BaseException:
    """A stand-in of the same name, place and causes."""
    kind = type(type(error).__qualname__, (Exception,), {"__module__": type(error).__module__})
    told: BaseException = kind(words.sub(_WITHHELD, str(error))).with_traceback(error.__traceback__)
    if error.__cause__ is not None:
        told.__cause__ = _speakable(error.__cause__, words)
    elif error.__context__ is not None and not error.__suppress_context__:
        told.__context__ = _speakable(error.__context__, words)
    return told


def _words(query: str) -> re.Pattern[str]:
    """What finds words that begin like one of the query, in the forms, too, that JSON, Python and addresses give them.

    By their beginnings, so that a word that was cut is found; beyond ASCII by each character, for not all scripts have
    spaces. Messages are in English, so little else is lost.
    """
    readable = query.encode("utf-8", "replace").decode()
    forms = (query, json.dumps(query), repr(query), ascii(query), quote(readable))
    begins = sorted({word[:_BEGINNING] for form in forms for word in re.findall(f"{_ASCII}+", form)})
    words = [f"{each}{_ASCII}*" if len(each) == _BEGINNING else f"{each}(?!{_ASCII})" for each in begins]
    other = sorted({re.escape(character) for character in query if character > "\x7f"})
    parts = [f"(?<!{_ASCII})(?:{'|'.join(words)})"] if words else []
    parts += [f"[{''.join(other)}]+"] if other else []
    return re.compile("|".join(parts) or "(?!)", re.IGNORECASE)
