"""Pieces of a page."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence


def page(title: str, sources: str, *parts: str) -> str:
    """A page under its title, with a line that says what it is made from."""
    made = f"*Made from {sources} by `make reference`; a test tells when it is out of date.*"
    return "\n\n".join([f"# {title}", made, *(part.strip() for part in parts if part.strip())]) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars in cells are escaped."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in [columns, *cells]]
    return "\n".join([lines[0], "|" + "---|" * len(columns), *lines[1:]])


def doc(thing: object) -> str:
    """The docstring of a thing. Raises LookupError where it has none."""
    return said(inspect.getdoc(thing), str(thing))


def said(text: str | None, of: str) -> str:
    """What the code says about a thing. Raises LookupError where it says nothing."""
    if not text:
        raise LookupError(
            f"{of} has no docstring, help text or description, so the reference cannot tell what it is for"
        )
    return text
