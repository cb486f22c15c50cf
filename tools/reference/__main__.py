"""Writes the pages of docs/reference/ and the documents of docs/contracts/."""

from __future__ import annotations

from tools import contracts
from tools.reference import FOLDER, pages

for folder, files in ((FOLDER, pages()), (contracts.FOLDER, contracts.files())):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
