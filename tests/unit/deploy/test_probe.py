"""The health check of the image, against the probes that it asks."""

import asyncio
import sys

from prometheus_client import CollectorRegistry

from freshet.local.processes import LOOPBACK, free_port
from freshet.probes import create_probe_app
from freshet.schemas.errors import TransientError
from freshet.search.http.serving import serve
from freshet.settings import SEARCH_PROBE_PORT, WORKER_PROBE_PORT
from freshet.status.board import Board
from tests.unit.deploy.files import ROOT

PROBE = ROOT / "deploy/probe.py"


async def ask(route: str, port: int) -> tuple[int, str]:
    """Exit code and output of the health check."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", PROBE, route, env={"FRESHET_PROBES__PORT": str(port)}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def away():
    raise TransientError("ask Qdrant", "it is away")


async def here():
    pass


async def test_a_process_that_has_everything_is_healthy():
    app = create_probe_app(registry=CollectorRegistry(), board=Board("worker", "documents", {"index": here}))
    async with serve(app, host=LOOPBACK, port=0) as port:
        assert (await ask("readyz", port))[0] == 0
        assert (await ask("livez", port))[0] == 0


async def test_a_process_that_waits_is_alive_but_not_ready_and_says_for_what():
    app = create_probe_app(registry=CollectorRegistry(), board=Board("worker", "documents", {"index": away}))
    async with serve(app, host=LOOPBACK, port=0) as port:
        code, output = await ask("readyz", port)
        assert code == 1
        assert "it is away" in output
        assert (await ask("livez", port))[0] == 0


async def test_nobody_there_is_unhealthy_without_a_traceback():
    port = free_port()
    code, output = await ask("livez", port)
    assert code == 1
    assert output.startswith(f"port {port}: ")


def test_the_check_knows_the_ports_that_processes_take_by_default():
    scope: dict[str, object] = {"__name__": "probe"}
    exec(compile(PROBE.read_text(), PROBE, "exec"), scope)
    assert scope["DEFAULT_PORTS"] == (WORKER_PROBE_PORT, SEARCH_PROBE_PORT)
