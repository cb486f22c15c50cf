"""What the demo tells people to do with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DOCUMENT: Final = {"title": "Coffee machine", "text": "A red light means: descale it."}
DOCUMENT_ID: Final = "coffee-machine"
DOCUMENT_QUERY: Final = "why is there a red light on the espresso maker"


def invitation(url: str, worker_url: str, examples: Sequence[str], folder: Path | None) -> str:
    """The pages, some queries, and how to change something: each command can be pasted as it stands."""
    parts = [f"Search at            {url}/\nWatch the worker at  {worker_url}/status"]
    if examples:
        parts.append("\n".join(["Worth trying:", *(f"  {each}" for each in examples)]))
    if folder is not None:
        parts.append(f"Edit a file in {folder} and save it: a moment later it is found as it is then.")
    what = "Or publish" if folder else "Publish"
    parts.append(f"{what} a document from another terminal:\n{put_command(url)}\nand a moment later find it by:")
    parts[-1] += f"\n  {DOCUMENT_QUERY}"
    return "\n\n".join(parts)


def put_command(url: str) -> str:
    return (
        f"  curl -X PUT {url}/documents/{DOCUMENT_ID} \\\n"
        "    -H 'Content-Type: application/json' \\\n"
        f"    -d '{json.dumps(DOCUMENT)}'"
    )
