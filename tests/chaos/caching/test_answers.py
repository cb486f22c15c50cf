"""No answer from a cache is older than it says, whatever is killed, flushed, restored or paused; and who publishes
reads what he wrote. FRESHET_TEST_SEED repeats a plan.
"""

import os
import random

import pytest

from tests.chaos.caching.run import CacheRun, read_what_was_written
from tests.chaos.caching.stage import set_up
from tests.support.scale import SOAK, count

pytestmark = pytest.mark.soak

CACHED = 100_000 if SOAK else 1_000
TOKENS = count(10_000)


@pytest.fixture
async def stage(own_servers, tmp_path, log_name):
    async with set_up(own_servers, tmp_path, log_name) as stage:
        yield stage


async def test_no_answer_is_older_than_it_says_and_who_publishes_reads_what_he_wrote(stage, capsys):
    seed = _seed()
    _say(capsys, f"\ncaches: seed {seed}; repeat it with FRESHET_TEST_SEED={seed}")
    run = CacheRun(stage, seed=seed)
    await run.play(CACHED)
    _say(capsys, run.findings.line)
    assert not run.findings.wrong, f"{run.findings.wrong[0]}\n{run.findings.line}"
    assert run.findings.cached >= CACHED
    assert run.findings.compared_cached, "at the quiet points nothing came from a cache"

    tokens = await read_what_was_written(stage, TOKENS)
    _say(capsys, f"{tokens}")
    assert not tokens.wrong, tokens.wrong[0]
    assert tokens.seen >= 0.99 * TOKENS, f"too few saw what they had written: {tokens}"


def _seed():
    if given := os.environ.get("FRESHET_TEST_SEED"):
        return int(given)
    return random.SystemRandom().randrange(10**9) if SOAK else 1


def _say(capsys, line):
    with capsys.disabled():
        print(line, flush=True)  # noqa: T201
