"""The plan of a run comes from its seed alone, and holds every fault."""

from collections import Counter

from tests.chaos.schedule import FULL, OF_WORKERS, Fault, events, often, schedule
from tests.support.scale import count


def plan(seed):
    return [[(step.at, step.fault, step.chance.random()) for step in lane] for lane in schedule(seed, events=5_000)]


def test_a_seed_gives_the_same_plan_again_and_another_seed_another():
    assert plan(1) == plan(1)
    assert plan(1) != plan(2)


def test_every_fault_comes_as_often_as_it_should_in_the_order_of_the_events():
    lanes = schedule(1, events=5_000)
    assert Counter(step.fault for lane in lanes for step in lane) == {
        fault: often(full) for fault, full in FULL.items()
    }
    for lane in lanes:
        places = [step.at for step in lane]
        assert places == sorted(places)
        assert 0 < places[0] < places[-1] < 5_000


def test_both_orders_together_have_all_that_is_promised_in_a_soak_and_a_twentieth_of_it_else():
    whole = count(1_000) / 1_000
    least = {Fault.KILL: 100, Fault.ZOMBIE: 20, Fault.KAFKA: 20, Fault.QDRANT: 20, Fault.REDIS: 20}
    for fault, full in least.items():
        assert 2 * often(FULL[fault]) >= full * whole
    assert 2 * (often(FULL[Fault.LEAVE]) + often(FULL[Fault.JOIN])) >= 50 * whole
    assert 2 * events() >= 100_000 * whole


def test_the_last_fault_of_workers_is_a_zombie_that_nothing_comes_after():
    for seed in range(20):
        assert schedule(seed, events=5_000)[0][-1].fault is Fault.ZOMBIE


def test_workers_have_their_faults_one_after_the_other():
    workers, servers = schedule(1, events=5_000)
    assert {step.fault for step in workers} == set(OF_WORKERS)
    assert not {step.fault for step in servers} & set(OF_WORKERS)
