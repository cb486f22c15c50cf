"""Becomes the program it is given, so that this program dies with the process that asked for it.

A script of its own, run as `python launcher.py PARENT_PID PROGRAM ARGUMENT…`, because the alternative, Python code
between fork and exec in a process with threads, may deadlock. Linux kills the program by itself when its parent ends;
elsewhere a watcher waits for the end of standard input, the other side of which the parent holds.
"""

from __future__ import annotations

import os
import select
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
WATCH_SECONDS = 0.5


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        die_with_parent(parent)
    else:
        watch_parent()
    detach_stdin()
    try:
        os.execvp(program[0], program)  # noqa: S606
    except OSError as error:
        sys.exit(f"cannot run {program[0]}: {error.strerror}")


def die_with_parent(parent: int) -> None:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"cannot ask to die with the parent: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it ended before we could ask
        sys.exit("the parent is gone")


def watch_parent() -> None:
    """Leave a watcher behind that kills our process group when standard input ends, and goes when we have gone."""
    program = os.getpid()
    if os.fork() != 0:
        return
    while os.getppid() == program:
        readable, _, _ = select.select([0], [], [], WATCH_SECONDS)
        if readable and not os.read(0, 1):
            os.killpg(program, signal.SIGKILL)
    os._exit(0)


def detach_stdin() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    main()
