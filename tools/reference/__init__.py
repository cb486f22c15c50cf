"""The pages of docs/reference/, made from the code: `make reference` writes them, a test tells when one is old."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tools.reference.commands import commands_page
from tools.reference.events import events_page
from tools.reference.http import http_page
from tools.reference.metrics import metrics_page
from tools.reference.settings import settings_page

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"


def pages() -> dict[str, str]:
    """The text of each page by the name of its file."""
    return {
        "commands.md": commands_page(),
        "events.md": events_page(),
        "http.md": http_page(),
        "metrics.md": metrics_page(),
        "settings.md": settings_page(),
    }
