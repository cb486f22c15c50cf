"""`freshet versions`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from freshet.cli.output import print_json, print_line, print_table, warn
from freshet.cli.running import run_quietly, settings

if TYPE_CHECKING:
    from freshet.wiring.versions import Listed, Version

app = typer.Typer(
    help="The versions of the index: what there is, and their end.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

COLUMNS = ("version", "state", "documents", "passages", "behind", "seconds", "followed by", "disk", "model", "built")
NUMBERS = ("documents", "passages", "behind", "seconds", "followed by", "disk")


@app.callback()
def versions(context: typer.Context, *, json: Json = False) -> None:
    """List the versions of the index: their states, what they hold, how far they are behind the log."""
    if context.invoked_subcommand is None:
        _list(json=json)


@app.command("list")
def list_(*, json: Json = False) -> None:
    """List the versions, as the command does alone.

    A version is building, ready to be put live, live, or previous: the one that a rollback goes back to. What takes the
    room on the disk is as Qdrant tells it. Without Kafka they are listed without their lags.
    """
    _list(json=json)


@app.command()
def drop(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="Its name or fingerprint, or a beginning that no other one has.")
    ],
    *,
    force: Annotated[bool, typer.Option("--force", help="Also the one that a rollback would go back to.")] = False,
    json: Json = False,
) -> None:
    """Drop a version: its collection and its consumer groups.

    Whatever follows it ends by itself; it is waited for. Run it again where it was interrupted. The live version is
    never dropped.
    """
    from freshet.wiring.dropping import drop_version

    name = run_quietly(drop_version(settings(), version, force=force, say=warn))
    if json:
        print_json({"dropped": name})
    else:
        print_line(f"dropped {name}, with its consumer groups")


def _list(*, json: bool) -> None:
    from freshet.wiring.versions import list_versions

    given = settings()
    listed = run_quietly(list_versions(given))
    if listed.untold is not None:
        warn(f"freshet: without lags: {listed.untold}")
    if json:
        print_json([_as_json(each) for each in listed.versions])
        return
    _print(listed, given.index)


def _print(listed: Listed, index: str) -> None:
    if not listed.versions:
        print_line(f"the index {index!r} has no version yet; a worker makes the first: freshet worker")
        return
    print_table(COLUMNS, [_row(each) for each in listed.versions], right=NUMBERS)


def _row(version: Version) -> tuple[str, ...]:
    from freshet.search.index.facts import DROPPED, PAUSED

    facts = version.info.metadata
    extra = "".join(f", {word}" for fact, word in ((PAUSED, "paused"), (DROPPED, "being dropped")) if facts.get(fact))
    return (
        version.info.name,
        f"{version.state.value}{extra}",
        _number(version.documents),
        _number(version.passages),
        "-" if version.lag is None else _number(version.lag.events),
        "-" if version.lag is None else f"{version.lag.seconds:.1f}",
        _number(version.members),
        "-" if version.disk is None else f"{version.disk / 1e6:,.1f} MB",
        f"{facts.get('model', '?')}, window {facts.get('window', '?')}, of {facts.get('topic', '?')}",
        str(facts.get("built_at") or "-"),
    )


def _number(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _as_json(version: Version) -> dict[str, Any]:
    from freshet.search.index.facts import BUILT_AT, DROPPED, PAUSED, PREVIOUS

    facts = version.info.metadata
    told = ("fingerprint", "generation", "model", "variant", "window", "languages", "topic", "partitions")
    return {
        "name": version.info.name,
        "state": version.state.value,
        "paused": bool(facts.get(PAUSED)),
        "dropped": bool(facts.get(DROPPED)),
        "documents": version.documents,
        "passages": version.passages,
        "lag": None if version.lag is None else {"events": version.lag.events, "seconds": version.lag.seconds},
        "members": version.members,
        "disk_bytes": version.disk,
        "built_at": facts.get(BUILT_AT),
        "previous": facts.get(PREVIOUS),
        **{name: facts.get(name) for name in told},
    }
