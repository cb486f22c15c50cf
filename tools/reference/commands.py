"""The page of commands, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import typer

from freshet.cli import app as cli
from freshet.cli import exits
from tools.reference.markdown import page, said, table

_KINDS: Final = {str: "text", list[str]: "text", int: "integer", float: "number"}
INTRODUCTION: Final = f"""\
Each command has `--help`. What it has to say goes to standard output, complaints and progress to standard error.
Commands that talk to Kafka or Qdrant read the [settings](settings.md).

| exit code | means |
|---|---|
| {exits.DONE} | done |
| {exits.FAILED} | failed, or only a part was done; the last line says why |
| {exits.USAGE} | the command or a setting is wrong; nothing was done |
| {exits.REFUSED} | a version was refused by the checks before a switch; nothing was changed |
| {exits.INTERRUPTED} | interrupted |"""


def commands_page() -> str:
    """The whole page."""
    root = typer.main.get_command(cli.app)
    sections = [_section(*each) for each in commands().items()]
    return page("Commands", "`freshet/cli/`", INTRODUCTION, f"## `freshet`\n\n{_options(root.params)}", *sections)


def commands() -> dict[str, Any]:
    """Every command by its words (`topics create`), in the order of `freshet --help`."""
    return dict(_walk("", typer.main.get_command(cli.app)))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, each in inner.items():
        if not each.hidden:
            yield from _walk(f"{name} {word}".strip(), each)


def _section(name: str, command: Any) -> str:
    context = command.make_context(f"freshet {name}", [], resilient_parsing=True)
    usage = f"`{' '.join(command.get_usage(context).removeprefix('Usage: ').split())}`"
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    parts = [f"## `freshet {name}`", usage, said(command.help, f"freshet {name}").strip()]
    if arguments:
        rows = [[f"`{each.metavar or each.name}`", _help(each)] for each in arguments]
        parts.append(table(["argument", "meaning"], rows))
    if options := _options(command.params):
        parts.append(options)
    return "\n\n".join(parts)


def _options(parameters: list[Any]) -> str:
    """A table of them; empty where there are none."""
    options = [each for each in parameters if each.param_type_name == "option" and not each.hidden]
    rows = [[_names(each), _value(each), _default(each), _help(each)] for each in options]
    return table(["option", "value", "default", "meaning"], rows) if rows else ""


def _help(parameter: Any) -> str:
    return said(parameter.help, f"the parameter {parameter.name}")


def _names(option: Any) -> str:
    return ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])


def _value(option: Any) -> str:
    if option.is_flag:
        return "–"
    kind = _KINDS.get(option.type_descriptor.annotation, "path")
    limits = [f"from {option.min}"] * (option.min is not None) + [f"to {option.max}"] * (option.max is not None)
    words = [f"`{option.metavar}`" if option.metavar else kind, *limits]
    return " ".join(words) + (", repeatable" if option.multiple else "")


def _default(option: Any) -> str:
    given = option.default
    return "–" if option.is_flag or given in (None, "", ()) or callable(given) else f"`{given}`"
