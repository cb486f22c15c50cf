"""`docker`, where no engine is: files and services exist, and what is run in a container of ours is run here."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[4]
FLAGS = ["--detach", "--wait", "--rm", "--no-deps", "--follow", "--pull"]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def compose(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="docker compose")
    commands = parser.add_subparsers(required=True, dest="command")
    for name in ("build", "up", "down", "ps", "logs", "pull", "restart", "stop"):
        plain = with_flags(commands.add_parser(name))
        plain.add_argument("--tail", type=int)
        plain.add_argument("services", nargs="*", choices=[*SERVICES, []])
    for name in ("exec", "run"):
        running = with_flags(commands.add_parser(name))
        running.add_argument("--env", action="append", default=[])
        running.add_argument("--name")
        running.add_argument("service", choices=SERVICES)
        running.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    if given.command in ("exec", "run"):
        os.environ.update(each.split("=", 1) for each in given.env)
        run(given.service, given.rest, entrypoint=given.command == "run")


def with_flags(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    for flag in FLAGS:
        parser.add_argument(flag, action="store_true")
    return parser


def run(service: str, arguments: list[str], *, entrypoint: bool) -> None:
    """The command in a container of that service; those of our image begin with `freshet`."""
    own = SERVICES[service].get("command") or []
    command = ["freshet", *(arguments or own)] if entrypoint else arguments
    os.execvp(command[0], command)


def build(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="docker build")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--build-arg", action="append", default=[])
    parser.add_argument("--tag")
    parser.add_argument("context", choices=["."])
    given = parser.parse_args(arguments)
    text = (ROOT / given.file).read_text()
    for each in given.build_arg:
        name, _, value = each.partition("=")
        assert f"ARG {name}" in text, f"{given.file} has no argument {name}"
        assert (ROOT / given.file.parent / value).exists(), f"there is no {value}"


def of_one(arguments: list[str]) -> None:
    """What is done with a container by its name; none is kept here."""
    with_flags(parser := argparse.ArgumentParser(prog="docker")).add_argument("name")
    parser.parse_args(arguments)


if __name__ == "__main__":
    subcommand, *rest = sys.argv[1:]
    {"compose": compose, "build": build, "logs": of_one}[subcommand](rest)
