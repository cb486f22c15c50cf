"""How long a server asks us to wait."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_LONGEST_WAIT: Final = 3600.0


def retry_after(headers: Mapping[str, str], *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """Seconds that a server asks us to wait (RFC 9110, section 10.2.3, and OpenAI's `retry-after-ms`), or None."""
    try:
        if "retry-after-ms" in headers:
            wait = float(headers["retry-after-ms"]) / 1000
        elif headers.get("retry-after", "").strip()[:1].isalpha():
            wait = (parsedate_to_datetime(headers["retry-after"]) - now()).total_seconds()
        else:
            wait = float(headers["retry-after"])
    except (KeyError, ValueError, TypeError):
        return None
    return None if math.isnan(wait) else min(max(wait, 0.0), _LONGEST_WAIT)
