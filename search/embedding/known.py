"""What is known of OpenAI's own models, so that nobody has to ask."""

from __future__ import annotations

from typing import Final

KNOWN: Final = {  # dimension, US dollars per million tokens
    "text-embedding-3-small": (1536, 0.02),
    "text-embedding-3-large": (3072, 0.13),
    "text-embedding-ada-002": (1536, 0.10),
}


def known_price(model: str) -> float | None:
    """What a million tokens of one of them cost, in US dollars; None of other models."""
    return KNOWN[model][1] if model in KNOWN else None
