"""Whatever is killed, stopped, cut off or away: the index is the fold of the log, and no answer lies.

The two orders share what `make soak` does, and the twentieth of it that `make test` does. FRESHET_TEST_SEED repeats a
plan.
"""

import os
import random

import pytest

from freshet.schemas.positions import Order
from tests.chaos.performance import Performance
from tests.chaos.schedule import events, schedule
from tests.chaos.stage import set_up
from tests.support.scale import SOAK

pytestmark = pytest.mark.soak

SEEDS = {Order.LOG: 1, Order.VERSION: 2}


@pytest.mark.parametrize("order", list(Order), ids=lambda order: f"{order.value}-order")
async def test_under_every_failure_the_index_is_the_fold_of_the_log(order, own_servers, tmp_path, log_name, capsys):
    seed = _seed(order)
    _say(capsys, f"\nchaos: seed {seed}, {order.value} order; repeat it with FRESHET_TEST_SEED={seed}")
    async with set_up(own_servers, tmp_path, order, log_name, tenants=order is Order.VERSION) as stage:
        steps = schedule(seed, events=events())
        verdict = await Performance(stage, seed=seed, events=events(), steps=steps).play()
    _say(capsys, verdict.first or "no differences")
    _say(capsys, verdict.line)
    assert verdict.clean, f"{verdict.first}\n{verdict.died}\n{verdict.line}"
    assert verdict.troubled["Kafka"], "nobody came by Kafka's proxy"
    assert verdict.troubled["Qdrant"], "nobody came by Qdrant's proxy"


def _seed(order):
    if given := os.environ.get("FRESHET_TEST_SEED"):
        return int(given)
    return random.SystemRandom().randrange(10**9) if SOAK else SEEDS[order]


def _say(capsys, line):
    with capsys.disabled():
        print(line, flush=True)  # noqa: T201
