"""Which words of a text are those that were asked for."""

from __future__ import annotations

from collections.abc import Collection

from freshet.search.terms import terms


def highlights(asked: Collection[str], text: str, language: str = "en") -> list[tuple[int, int]]:
    """Where a text in `language` holds terms that were asked for, by their stems (`asked_terms` of the query; a set).

    Half-open ranges of code points, in order and disjoint; words with nothing but white space between them make one.
    """
    ranges: list[tuple[int, int]] = []
    for term in terms(text, language):
        if term.stem not in asked:
            continue
        if ranges and not text[ranges[-1][1] : term.start].strip():
            start, end = ranges.pop()
            ranges.append((start, max(end, term.end)))
        else:
            ranges.append((term.start, term.end))
    return ranges
