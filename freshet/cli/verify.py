"""`freshet verify`"""

from __future__ import annotations

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
    workers are, while they go on. What has changed since is left out. Exit code 1 where something differs and is not
    being healed.
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
        _print(found, heal=heal)
    if found.differing and not heal:
        raise typer.Exit(FAILED)


def _as_json(found: Found, *, heal: bool) -> dict[str, object]:
    return {
        "documents": found.documents,
        "passages": found.passages,
        "vectors": found.vectors,
        "ahead": found.ahead,
        "differences": {kind.value: count for kind, count in sorted(found.kinds.items())},
        "first": [{"kind": each.kind.value, "key": each.key, "found": each.found} for each in found.first],
        "healed": heal,
    }


def _print(found: Found, *, heal: bool) -> None:
    if found.differing:
        rows = [(kind.value, f"{count:,}", kind.meaning) for kind, count in sorted(found.kinds.items())]
        print_table(("difference", "count", "what it is"), rows, right=("count",))
        for each in found.first[:TOLD]:
            print_line(f"{each.kind.value}: {printable(each.key)}: {printable(each.found)}")
        if found.differing > TOLD:
            print_line(f"… and {found.differing - TOLD:,} more")
    seen = f"{counted(found.documents, 'document')}, {counted(found.passages, 'passage')}, "
    print_line(f"compared {seen}{counted(found.vectors, 'vector')}" + _since(found.ahead))
    if not found.differing:
        print_line("the index equals the log")
    elif heal:
        print_line(f"{counted(found.differing, 'difference')}: workers mend them now; then verify again")
    else:
        print_line(f"{counted(found.differing, 'difference')}: mend them with: freshet verify --heal")


def _since(ahead: int) -> str:
    return f"; {counted(ahead, 'document')} changed meanwhile" if ahead else ""
