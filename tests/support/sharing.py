"""Which tests share a process, and so never run beside each other."""

from typing import Any, Final

from xdist.scheduler import LoadScopeScheduling

# They start demos and parts at the usual ports, and would take each other's.
USUAL_PORTS: Final = ("tests/e2e/docs/", "tests/e2e/test_demo", "tests/e2e/test_dev.py")


class ByFile(LoadScopeScheduling):
    """The tests of a file one after the other, and those at the usual ports as if they were one file."""

    def _split_scope(self, nodeid: str) -> str:
        return "usual ports" if nodeid.startswith(USUAL_PORTS) else nodeid.partition("::")[0]


def scheduler(config: Any, log: Any) -> ByFile:
    return ByFile(config, log)
