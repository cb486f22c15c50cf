"""Starting and ending the supervisor of `freshet dev` from a command."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from freshet.local.dev.files import DevFolder, Running
from freshet.local.processes import LocalPartError
from freshet.local.stack import is_free

START_SECONDS: Final = 120.0
END_SECONDS: Final = 20.0  # the parts have 6 each, at the same time
CRASH_SECONDS: Final = 5.0  # until the system has cleared away the parts of a supervisor that was killed
_POLL_SECONDS: Final = 0.05


def start(folder: DevFolder, waiting: Callable[[], None]) -> tuple[Running, bool]:
    """What runs, and whether it is this call that started it; returns when everything answers.

    `waiting` is called once where another command is starting it. Whatever ends this call early ends what it started.
    Blocks. Raises LocalPartError with the reason, in one line.
    """
    deadline, told = time.monotonic() + START_SECONDS, False
    while time.monotonic() < deadline:
        if (running := folder.running()) is not None:
            return running, False
        if (lock := folder.lock()) is not None:
            return _start(folder, lock), True
        if not told:
            waiting()
            told = True
        time.sleep(_POLL_SECONDS)
    raise LocalPartError(f"process {folder.holder()} has not started it; its log is {folder.supervisor_log}")


def stop(folder: DevFolder) -> bool:
    """End what runs and wait until it is gone; whether there was anything. Raises LocalPartError where it stays."""
    if (pid := folder.holder()) is None:
        return False
    running = folder.left_behind()
    for number, patience in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, CRASH_SECONDS)):
        if folder.holder() != pid:  # only who has the lock is ours
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        _wait(lambda: not folder.is_locked(), patience)
    if folder.is_locked():
        raise LocalPartError(f"process {pid} does not end; its log is {folder.supervisor_log}")
    _clear(folder, running)
    return True


def _start(folder: DevFolder, lock: int) -> Running:
    try:
        _clear(folder, folder.left_behind())
        folder.say_why(None)
        supervisor = _spawn(folder, lock)
    finally:
        os.close(lock)  # the supervisor has it now
    try:
        return _until_announced(folder, supervisor)
    except BaseException:
        _end(supervisor)
        raise


def _spawn(folder: DevFolder, lock: int) -> subprocess.Popen[bytes]:
    folder.supervisor_log.parent.mkdir(parents=True, exist_ok=True)
    with folder.supervisor_log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "freshet.local.dev", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder.path,
            pass_fds=(lock,),
            start_new_session=True,
        )


def _until_announced(folder: DevFolder, supervisor: subprocess.Popen[bytes]) -> Running:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and supervisor.poll() is None:
        if (running := folder.running()) is not None:
            supervisor.returncode = 0  # it outlives us, and nobody needs to be warned of that
            return running
        time.sleep(_POLL_SECONDS)
    reason = folder.why_it_ended()
    if reason is None and supervisor.returncode is None:
        reason = f"not everything answered after {START_SECONDS:g} s"
    if reason is None:
        reason = "it was told to end" if supervisor.returncode == 0 else f"it ended with code {supervisor.returncode}"
    raise LocalPartError(reason if "its log is" in reason else f"{reason}; its log is {folder.supervisor_log}")


def _end(supervisor: subprocess.Popen[bytes]) -> None:
    """End our child in order, or at last without."""
    supervisor.terminate()
    try:
        supervisor.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def _clear(folder: DevFolder, running: Running | None) -> None:
    """What a supervisor that was killed left behind; its parts get their ports back to the system."""
    if running is not None:
        _wait(lambda: is_free(running.kafka_port) and is_free(running.qdrant_port), CRASH_SECONDS)
    folder.withdraw()


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
