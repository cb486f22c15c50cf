"""`freshet topics`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from freshet.cli.output import print_json, print_line, print_table, warn
from freshet.cli.running import connection, run_quietly, settings
from freshet.cli.topics_copy import copy

if TYPE_CHECKING:
    from freshet.schemas.topics import TopicState
    from freshet.settings import Settings

app = typer.Typer(help="The Kafka topics: create, check, list, copy.", no_args_is_help=True, rich_markup_mode=None)
app.command()(copy)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

COLUMNS = ("topic", "partitions", "cleanup", "retention", "compaction lag", "largest batch")


@app.command()
def create(*, json: Json = False) -> None:
    """Create the topics that are missing, and check the others."""
    from freshet.streams.kafka.topics import create_topics

    given = settings()
    created = run_quietly(create_topics(connection(given), given.topic_specs))
    if json:
        print_json({"created": created})
    else:
        print_line(f"created {', '.join(created)}" if created else "nothing to create: every topic is there")
    _check(given, quiet=True)


@app.command()
def check(*, json: Json = False) -> None:
    """Check the topics against what Freshet needs; fails when something is wrong."""
    _check(settings(), json=json)


@app.command("list")
def list_(*, json: Json = False) -> None:
    """List the topics with their settings."""
    from freshet.streams.kafka.topics import describe_topics

    given = settings()
    names = [spec.name for spec in given.topic_specs]
    states = run_quietly(describe_topics(connection(given), names))
    if json:
        print_json([_as_json(name, states.get(name)) for name in names])
    else:
        print_table(COLUMNS, [_row(name, states.get(name)) for name in names], right=["partitions"])


def _check(given: Settings, *, json: bool = False, quiet: bool = False) -> None:
    from freshet.schemas.topics import findings
    from freshet.streams.kafka.topics import describe_topics

    specs = given.topic_specs
    states = run_quietly(describe_topics(connection(given), [spec.name for spec in specs]))
    wrong = findings(specs, states)
    if json:
        fields = ("topic", "setting", "actual", "expected", "hint")
        print_json([{name: getattr(finding, name) for name in fields} for finding in wrong])
    else:
        for finding in wrong:
            warn(str(finding))
    if wrong:
        raise typer.Exit(1)
    if not (json or quiet):
        print_line("every topic is as it should be")


def _row(name: str, state: TopicState | None) -> tuple[object, ...]:
    from freshet.schemas.topics import CLEANUP, MAX_MESSAGE, RETENTION

    if state is None:
        return (name, "missing", "", "", "", "")
    configs = state.configs
    compacted = configs[CLEANUP] == "compact"
    retention = "" if compacted else _duration(configs[RETENTION])
    lag = _duration(configs["min.compaction.lag.ms"]) if compacted else ""
    return (name, state.partitions, configs[CLEANUP], retention, lag, f"{int(configs[MAX_MESSAGE]):,} bytes")


def _duration(milliseconds: str) -> str:
    hours = int(milliseconds) / 3_600_000
    if hours < 0:
        return "unlimited"
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} h"


def _as_json(name: str, state: TopicState | None) -> dict[str, object]:
    if state is None:
        return {"topic": name, "exists": False}
    return {"topic": name, "exists": True, "partitions": state.partitions, "configs": dict(state.configs)}
