"""A service that starts: who refuses it ends it, who is away does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from freshet.local.processes import LOOPBACK, free_port
from tests.support.road import Process
from tests.support.servers import QdrantServer
from tests.support.tiny_model import write_tiny_model
from tests.support.waiting import wait_until

SECRET = "s3cr3t-of-ours"


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def lonely(tiny_model: Path) -> dict[str, str]:
    """Settings whose servers are all away."""
    nowhere = f"{LOOPBACK}:{free_port()}"
    return {
        "FRESHET_KAFKA__BOOTSTRAP_SERVERS": nowhere,
        "FRESHET_QDRANT__URL": f"http://{nowhere}",
        "FRESHET_REDIS__URL": f"redis://{nowhere}/0",
        "FRESHET_EMBEDDING__MODEL": str(tiny_model),
        "FRESHET_SEARCH__PORT": "0",
    }


async def test_a_service_starts_while_all_its_servers_are_away(lonely, log_name: Callable[[str], str]):
    async with Process("search", lonely, log=log_name("search"), ready="/livez") as search:
        assert (await search.probe("/readyz"))[0] == 503


@pytest.mark.parametrize("refusing", ["FRESHET_QDRANT__API_KEY", "FRESHET_REDIS__URL"])
async def test_a_service_that_is_refused_ends_with_one_line_that_names_the_setting(
    lonely, qdrant: QdrantServer, redis_url: str, refusing: str, log_name: Callable[[str], str]
):
    lonely |= {
        "FRESHET_QDRANT__API_KEY": {"FRESHET_QDRANT__URL": qdrant.url, "FRESHET_QDRANT__API_KEY": SECRET},
        "FRESHET_REDIS__URL": {"FRESHET_REDIS__URL": redis_url.replace("redis://", f"redis://me:{SECRET}@")},
    }[refusing]
    search = Process("search", lonely, log=log_name("search"), ready="/livez")
    search.spawn()
    try:
        await wait_until(lambda: not search.alive, "it ends by itself", deadline=60)
    finally:
        await search.kill()
    said = search.log.read_text()
    assert search.exit_code == 1, said
    assert refusing in said.splitlines()[-1]
    assert "Traceback" not in said
    assert SECRET not in said
