"""Shells complete commands: through the script that `freshet --show-completion` gives, in the shell itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHELLS = {"bash": "complete -o default -F", "zsh": "#compdef freshet", "fish": "complete --command freshet"}


def freshet(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "freshet", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def in_shell(shell: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it from a shell of that kind, by which it knows which script to give."""
    script = f"{sys.executable} -m freshet {' '.join(arguments)}; exit $?"
    return subprocess.run(
        [shell, "-c", script], check=False, capture_output=True, text=True, timeout=60, env=os.environ | environment
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH where `freshet` is the one under test."""
    command = tmp_path / "bin" / "freshet"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m freshet "$@"\n')
    command.chmod(0o755)
    return f"{command.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("de", {"dead-letters", "delete", "demo", "dev"}),
        ("dev ", {"up", "down", "status"}),
        ("topics cr", {"create"}),
        ("lag --w", {"--watch"}),
        ("nothing-like-it", set()),
    ],
)
def test_bash_completes_commands_their_commands_and_options(typed, offered, path):
    words = ["freshet", *typed.split(" ")]
    program = """
        source <(_FRESHET_COMPLETE=source_bash freshet)
        complete -p freshet >/dev/null || exit 9
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _freshet_completion freshet
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PATH": path},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize(
    ("shell", "environment", "expected"),
    [
        ("zsh", {"_TYPER_COMPLETE_ARGS": "freshet doc"}, '"doctor":'),
        ("fish", {"_TYPER_COMPLETE_ARGS": "freshet doc", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "doctor\t"),
        ("pwsh", {"_TYPER_COMPLETE_ARGS": "freshet doc", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "doc"}, "doctor:::"),
        ("powershell", {"_TYPER_COMPLETE_ARGS": "freshet doc", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "doc"}, "doctor:::"),
    ],
)
def test_the_other_shells_are_answered_in_their_own_way(shell, environment, expected):
    done = freshet(_FRESHET_COMPLETE=f"complete_{shell}", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected in done.stdout


def test_a_shell_that_is_not_known_is_no_traceback():
    done = freshet(_FRESHET_COMPLETE="complete_tcsh")
    assert (done.returncode, done.stderr) == (1, "Shell tcsh not supported.\n")


@pytest.mark.parametrize("shell", [each for each in SHELLS if shutil.which(each)])
def test_the_script_is_for_the_shell_that_asks_and_for_the_command_freshet(shell):
    done = in_shell(shell, "--show-completion")
    assert done.returncode == 0
    assert SHELLS[shell] in done.stdout
    assert "freshet" in done.stdout


def test_it_installs_itself_for_bash_in_the_home_folder(tmp_path):
    done = in_shell("bash", "--install-completion", HOME=str(tmp_path))
    assert done.returncode == 0
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert str(script) in (tmp_path / ".bashrc").read_text()
    assert "_freshet_completion" in script.read_text()


def test_a_home_folder_that_cannot_be_written_to_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = in_shell("bash", "--install-completion", HOME=str(tmp_path / "file"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("freshet: ")
