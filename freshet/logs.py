"""Lines of a process's log: what happened, then what is known of it as `name=value`, the request's id too."""

from __future__ import annotations

import json
import logging
import re
from typing import Any, Final

from freshet.search.http.logs import REQUEST_ID

_KNOWN: Final = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"})
_PLAIN: Final = re.compile(r"[^\s\"=\x00-\x1f\x7f]+")
# These would log what they send: at "debug" whole requests, with the texts in them.
_TALKATIVE: Final = ("httpx", "httpx2", "httpcore", "httpcore2", "openai", "aiokafka")


def log_to_stderr(level: str) -> None:
    """Log from `level` on, others' libraries from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class LineFormatter(logging.Formatter):
    """`2026-11-20 12:00:00,000 ERROR freshet.x: request failed action=request_failed request_id=6b0e…`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the library's name)
        """The line, without a traceback."""
        fields = {name: value for name, value in record.__dict__.items() if name not in _KNOWN}
        if request_id := REQUEST_ID.get():
            fields.setdefault("request_id", request_id)
        return " ".join([super().formatMessage(record), *(f"{name}={_value(each)}" for name, each in fields.items())])


def _value(value: Any) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
