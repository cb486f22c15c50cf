"""The commands, put together, and how their errors reach people: one line on stderr and an exit code."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from freshet.cli import (
    config,
    dead_letters,
    delete,
    demo,
    dev,
    doctor,
    evaluate,
    explain,
    keys,
    lag,
    processes,
    promote,
    publish,
    replay,
    reprocess,
    rollback,
    topics,
    verify,
    version,
    versions,
    warm,
)
from freshet.cli.exits import DONE, FAILED, INTERRUPTED, USAGE
from freshet.schemas.errors import FreshetError, SettingsError

NAME = "freshet"  # however it was started: shells complete by it

app = typer.Typer(
    name=NAME,
    help="Keeps a semantic search index true to a Kafka topic.",
    no_args_is_help=True,
    rich_markup_mode=None,  # its help takes half a second to import
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(dev.app, name="dev")
app.command("worker")(processes.worker)
app.command("search")(processes.search)
app.command("publish")(publish.publish)
app.command("delete")(delete.delete)
app.add_typer(topics.app, name="topics")
app.command("lag")(lag.lag)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(replay.app, name="replay")
app.add_typer(versions.app, name="versions")
app.command("promote")(promote.promote)
app.command("rollback")(rollback.rollback)
app.command("warm")(warm.warm)
app.command("verify")(verify.verify)
app.command("explain")(explain.explain)
app.command("reprocess")(reprocess.reprocess)
app.add_typer(keys.app, name="keys")
app.command("evaluate")(evaluate.evaluate)
app.command("doctor")(doctor.doctor)
app.command("config")(config.config)
app.command("version")(version.version)


@app.callback()
def main(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=version.print_and_exit, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keeps a semantic search index true to a Kafka topic."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. Errors that Freshet raises on purpose become one line each, never a traceback."""
    try:
        code = app(arguments, prog_name=NAME, standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _complain(error.format_message(), USAGE)
    except FreshetError as error:
        return _complain(str(error), USAGE if isinstance(error, SettingsError) else FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _close_stdout()
        return FAILED
    except (OSError, sqlite3.OperationalError) as error:  # a full disk, a folder that is not ours
        if (told := _told(error)) is None:
            raise
        return _complain(told, FAILED)
    return code if isinstance(code, int) else DONE


def _told(error: OSError | sqlite3.OperationalError) -> str | None:
    """What the system said of a file, None where it was of something else; our databases are temporary files."""
    if isinstance(error, sqlite3.OperationalError):
        return f"a temporary file cannot be written: {error}; set TMPDIR to a folder with room"
    return None if error.filename is None else f"{error.strerror}: {error.filename}"


def _complain(message: str, code: int) -> int:
    for line in message.splitlines():
        if line:
            sys.stderr.write(f"freshet: {line}\n")
    return code


def _close_stdout() -> None:
    """Let the interpreter's last flush go nowhere, or it would complain about the broken pipe once more."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
