"""A ```console block: commands after `$ `, each followed by what it prints."""

import re
import shlex
from dataclasses import dataclass

_HEREDOC = re.compile(r"<<-?\s*'?(\w+)'?")
_EXIT_CODE = re.compile(r"# exit code (\d+)")
FOREVER = "# runs until Ctrl-C"


@dataclass(frozen=True)
class Step:
    """A command, what the page says that it prints ("" for nothing said), and the exit code that it should have."""

    command: str
    output: str

    @property
    def exit_code(self) -> int:
        found = _EXIT_CODE.search(self.command)
        return int(found[1]) if found else 0

    @property
    def runs_forever(self) -> bool:
        return FOREVER in self.command

    @property
    def only_reads(self) -> bool:
        """Whether it may be repeated until what was published a moment ago has come through."""
        writes = re.search(r"-X (PUT|POST|DELETE)|--data-binary|--upload-file| -T ", self.command)
        return self.command.startswith(("curl ", "freshet lag", "freshet explain")) and not writes


def steps(text: str) -> list[Step]:
    """The commands of a block. Raises ValueError where it does not begin with one."""
    found: list[list[str]] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while _goes_on(command):
                command += "\n" + next(lines)
            found.append([command])
        elif not found:
            raise ValueError(f"a console block begins with `$ `, not with {line!r}")
        else:
            found[-1].append(line)
    return [Step(command, "\n".join(output)) for command, *output in found]


def _goes_on(command: str) -> bool:
    if command.endswith(("\\", "|")):
        return True
    if heredoc := _HEREDOC.search(command):
        return not command.endswith(f"\n{heredoc[1]}")
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quote is still open
        return True
    return False
