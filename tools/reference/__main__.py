"""Writes the pages of docs/reference/."""

from __future__ import annotations

from tools.reference import FOLDER, pages

FOLDER.mkdir(exist_ok=True)
for name, text in pages().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
