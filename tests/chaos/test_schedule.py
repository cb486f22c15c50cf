"""The plan of a run comes from its seed alone, and holds every fault."""

from collections import Counter

from tests.chaos.schedule import FULL, OF_WORKERS, often, schedule


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


def test_workers_have_their_faults_one_after_the_other():
    workers, servers = schedule(1, events=5_000)
    assert {step.fault for step in workers} == set(OF_WORKERS)
    assert not {step.fault for step in servers} & set(OF_WORKERS)
