"""Whether a command printed what its page shows.

Numbers that stand alone, times and digests differ from run to run, so any other will do; `…` stands for anything.
White space counts as one space, and JSON is compared by its values, however it is laid out.
"""

import json
import re
from typing import Any

_WILD = re.compile(
    r"(?P<digest>(?<![0-9A-Za-z])[0-9a-f]{3,}…|(?<![0-9A-Za-z])(?=[0-9a-f]*\d)[0-9a-f]{8,}\b)"
    r"|…"
    r"|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00))"
    r"|(?P<number>(?<![\w-])-?\d+(?:[.,]\d+)*)"
    r"|(?P<space>\s+)"
)
_AS = {
    "time": r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)",
    "digest": r"[0-9a-f]+",
    "number": r"-?\d+(?:[.,]\d+)*",
    "space": r"\s+",
}


def as_shown(shown: str, printed: str) -> bool:
    """Whether `printed` is what the page shows."""
    try:
        return _same(json.loads(shown), json.loads(printed))
    except ValueError:
        return re.fullmatch(_pattern(shown.strip()), printed.strip(), re.DOTALL) is not None


def _pattern(shown: str) -> str:
    parts, at = [], 0
    for found in _WILD.finditer(shown):
        parts += [re.escape(shown[at : found.start()]), _AS.get(found.lastgroup or "", r".*")]
        at = found.end()
    return "".join([*parts, re.escape(shown[at:])])


def _same(shown: Any, given: Any) -> bool:
    if isinstance(shown, dict):
        alike = isinstance(given, dict) and shown.keys() == given.keys()
        return alike and all(_same(value, given[name]) for name, value in shown.items())
    if isinstance(shown, list):
        return isinstance(given, list) and len(shown) == len(given) and all(map(_same, shown, given))
    if isinstance(shown, str):
        return isinstance(given, str) and as_text(shown, given)
    if isinstance(shown, bool) or shown is None:
        return shown is given
    return isinstance(given, int | float) and not isinstance(given, bool)


def as_text(shown: str, given: str) -> bool:
    return re.fullmatch(_pattern(shown), given, re.DOTALL) is not None
