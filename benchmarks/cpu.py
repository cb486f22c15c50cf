"""CPU time of other processes, from /proc (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HAS_PROC = sys.platform == "linux"


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    fields = stat.rpartition(")")[2].split()  # the name before may hold blanks
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
