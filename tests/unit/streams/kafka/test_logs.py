import logging
from collections.abc import Iterator

import pytest

from freshet.streams.kafka.logs import OnceAtATime, limit_client_logs
from tests.support.waiting import wait_until

CLIENT = logging.getLogger("aiokafka.client")


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """aiokafka's logger, as it was before afterwards."""
    found = logging.getLogger("aiokafka")
    handlers, propagate, level = found.handlers[:], found.propagate, found.level
    found.setLevel(logging.DEBUG)
    yield found
    for handler in found.handlers:
        handler.close()
    found.handlers, found.propagate = handlers, propagate
    found.setLevel(level)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


async def test_a_storm_of_complaints_is_one_line_at_its_begin_and_one_at_its_end(logger, caplog):
    limit_client_logs(0.05)
    for number in range(1000):
        CLIENT.error("cannot connect, try %d", number)

    assert lines(caplog) == ["cannot connect, try 0"]
    await wait_until(lambda: len(lines(caplog)) == 2, "the end of the storm is told")
    assert "999 more lines were not shown" in lines(caplog)[1]


async def test_the_next_storm_is_told_again(logger, caplog):
    limit_client_logs(0.05)
    CLIENT.error("first")
    CLIENT.error("first, again")
    await wait_until(lambda: len(lines(caplog)) == 2, "the end of the storm is told")
    CLIENT.error("second")

    assert lines(caplog)[-1] == "second"


async def test_a_single_complaint_has_no_end_to_tell(logger, caplog):
    handler = limit_client_logs(0.02)
    CLIENT.warning("once")
    await wait_until(lambda: handler._timer is None, "the storm is over")

    assert lines(caplog) == ["once"]


def test_what_is_no_complaint_passes_at_all_times(logger, caplog):
    caplog.set_level(logging.INFO)
    limit_client_logs(60)
    CLIENT.error("a storm begins")
    CLIENT.info("joined the group")
    CLIENT.error("and goes on")

    assert lines(caplog) == ["a storm begins", "joined the group"]


def test_limiting_twice_limits_once(logger, caplog):
    limit_client_logs(60)
    limit_client_logs(60)
    CLIENT.error("told once")

    assert lines(caplog) == ["told once"]
    assert [type(handler) for handler in logger.handlers] == [OnceAtATime]
