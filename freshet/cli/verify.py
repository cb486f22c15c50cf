"""`freshet verify`"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from freshet.cli.exits import FAILED
from freshet.cli.output import counted, print_json, print_line, print_table, printable
from freshet.cli.progress import progress_bar
from freshet.cli.running import run_quietly, settings

if TYPE_CHECKING:
    from freshet.streams.verifying import Found

SAMPLE = 100
TOLD = 20


def verify(
    *,
    heal: Annotated[
        bool, typer.Option("--heal", help="Have what differs written again, by way of the again topic.")
    ] = False,
    sample: Annotated[
        int, typer.Option(min=0, max=10_000, help="Embed so many passages anew, of those that no cache knows.")
    ] = SAMPLE,
    all_vectors: Annotated[
        bool, typer.Option("--all-vectors", help="Embed every passage anew that no cache knows.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prove that the index equals the log: every document, its text, metadata, passages and vectors.

    It is the version that the settings describe, live or not. The log is read from its beginning up to where the
    workers are, while they go on. What waits for them is counted and left out, as is what changes meanwhile. Exit code
    1 where something differs; with --heal it is 0 then, for workers mend it.
    """
    from freshet.wiring.parts import fetch_model
    from freshet.wiring.verify import verify as hold_against_the_log

    given = settings()
    fetch_model(given)
    found = run_quietly(
        hold_against_the_log(given, heal=heal, sample=None if all_vectors else sample, bar=progress_bar)
    )
    if json:
        print_json(_as_json(found, heal=heal))
    else:
        _print(found, heal=heal, sample=None if all_vectors else sample)
    if found.differing and not heal:
        raise typer.Exit(FAILED)


def _as_json(found: Found, *, heal: bool) -> dict[str, object]:
    return {
        "documents": found.documents,
        "passages": found.passages,
        "vectors": found.vectors,
        "ahead": found.ahead,
        "waiting": found.waiting,
        "differences": {kind.value: count for kind, count in sorted(found.kinds.items())},
        "first": [{"kind": each.kind.value, "key": each.key, "found": each.found} for each in found.first],
        "healed": heal,
        "removed": found.removed,
        "followed": found.followed if heal and found.differing else None,
    }


def _print(found: Found, *, heal: bool, sample: int | None) -> None:
    if found.differing:
        rows = [(kind.value, f"{count:,}", kind.meaning) for kind, count in sorted(found.kinds.items())]
        print_table(("difference", "count", "what it is"), rows, right=("count",))
        for each in found.first[:TOLD]:
            print_line(f"{each.kind.value}: {printable(each.key)}: {printable(each.found)}")
        if found.differing > TOLD:
            print_line(f"… and {found.differing - TOLD:,} more")
    seen = f"{counted(found.documents, 'document')}, {counted(found.passages, 'passage')}, {_vectors(found)}"
    print_line("; ".join((f"compared {seen}", *_left_out(found))))
    print_line(_verdict(found, heal=heal, sample=sample))


def _vectors(found: Found) -> str:
    """Each passage has one, and not all of them were looked at."""
    of = f"{found.vectors:,} of " if found.vectors < found.passages else ""
    return of + counted(max(found.vectors, found.passages), "vector")


def _left_out(found: Found) -> Iterator[str]:
    if found.waiting:
        yield f"{counted(found.waiting, 'document')} {'waits' if found.waiting == 1 else 'wait'} for workers"
    if changed := found.ahead - found.waiting:
        yield f"{counted(changed, 'document')} changed meanwhile"


def _verdict(found: Found, *, heal: bool, sample: int | None) -> str:
    if not found.differing:
        return "what workers have done equals the log" if found.waiting else "the index equals the log"
    return f"{counted(found.differing, 'difference')}: {_mending(found) if heal else _to_mend(found, sample)}"


def _mending(found: Found) -> str:
    left, removed = found.differing - found.removed, f"{found.removed:,} removed" if found.removed else ""
    if not left:
        return f"{removed}; verify again"
    others = "the others" if removed else "them"
    if found.followed:
        mending = f"workers mend {others} now; then verify again"
    else:
        mending = (
            f"nobody follows this version now; to have {others} mended, start: freshet worker (or freshet replay run)"
        )
    return f"{removed}; {mending}" if removed else mending


def _to_mend(found: Found, sample: int | None) -> str:
    return f"mend them with: freshet verify --heal{_again(found, sample)}"


def _again(found: Found, sample: int | None) -> str:
    """The options that find the same again."""
    from freshet.streams.comparing import Kind

    if sample and Kind.VECTOR in found.kinds and found.vectors < found.passages:
        return " --all-vectors (a sample is another one each time)"
    if sample is None:
        return " --all-vectors"
    return "" if sample == SAMPLE else f" --sample {sample}"
