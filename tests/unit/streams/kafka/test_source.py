"""What is asked of brokers of different ages."""

import pytest

from freshet.streams.kafka.source import _TopicRequest

METADATA = 3


@pytest.mark.parametrize(("newest", "asked"), [(5, 5), (9, 5), (10, 10), (13, 10)])
def test_brokers_are_asked_for_the_id_of_a_topic_only_where_they_can_tell_it(newest, asked):
    request = _TopicRequest(["documents"]).prepare({METADATA: (0, newest)})
    assert asked == request.API_VERSION
    assert b"documents" in request.encode()
