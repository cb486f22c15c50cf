import pytest

from freshet.schemas.topics import DAY_MS, Finding, Topics, TopicSpec, TopicState, findings, fitted, topic_specs

SPECS = topic_specs(Topics("kb"), partitions=4)


def as_created(*specs: TopicSpec) -> dict[str, TopicState]:
    return {spec.name: TopicState(spec.name, spec.partitions, spec.configs) for spec in specs}


def with_setting(name: str, setting: str, value: str) -> dict[str, TopicState]:
    states = as_created(*SPECS)
    state = states[name]
    return states | {name: TopicState(name, state.partitions, {**state.configs, setting: value})}


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1
    return found[0]


def test_the_names_derive_from_the_documents_topic_but_for_those_of_search():
    assert [spec.name for spec in SPECS] == [
        "kb",
        "kb.again",
        "kb.dead-letters",
        "kb.indexed",
        "search.queries",
        "search.feedback",
    ]


def test_documents_are_compacted_and_the_others_kept_for_their_time():
    configs = {spec.name: spec.configs for spec in SPECS}

    assert [configs[name]["cleanup.policy"] for name in ("kb", "kb.again")] == ["compact", "compact"]
    kept = {name: int(each["retention.ms"]) // DAY_MS for name, each in configs.items() if "retention.ms" in each}
    assert kept == {"kb.dead-letters": 30, "kb.indexed": 7, "search.queries": 7, "search.feedback": 90}
    assert "min.compaction.lag.ms" in configs["kb"]


def test_what_was_created_by_the_specs_passes_the_check():
    assert findings(SPECS, as_created(*SPECS)) == []


def test_more_than_the_minimum_is_fine():
    assert findings(SPECS, with_setting("kb.dead-letters", "retention.ms", str(365 * DAY_MS))) == []
    assert findings(SPECS, with_setting("kb.dead-letters", "retention.ms", "-1")) == []


@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_a_documents_topic_that_forgets_documents_is_found(policy):
    found = only(findings(SPECS, with_setting("kb", "cleanup.policy", policy)))

    assert (found.topic, found.setting, found.actual, found.expected) == ("kb", "cleanup.policy", policy, "compact")
    assert str(found).startswith(f"kb: cleanup.policy is {policy}, should be compact; change it with: kafka-configs.sh")
    assert "--entity-name kb --add-config cleanup.policy=compact" in found.hint


def test_a_topic_that_compacts_before_a_worker_may_have_read_it_is_found():
    found = only(findings(SPECS, with_setting("kb", "min.compaction.lag.ms", "0")))

    assert found.setting == "min.compaction.lag.ms"
    assert found.expected == f"at least {DAY_MS}"


def test_a_missing_topic_names_the_command_that_makes_it():
    states = as_created(*SPECS)
    del states["kb.again"]

    assert str(only(findings(SPECS, states))) == (
        "kb.again: the topic is missing, should be there; create it with: freshet topics create"
    )


def test_sisters_must_have_as_many_partitions_as_the_documents_topic_has():
    states = as_created(*SPECS) | {"kb": TopicState("kb", 12, SPECS[0].configs)}

    assert {finding.topic for finding in findings(SPECS, states)} == {"kb.again", "kb.indexed"}
    assert findings(fitted(SPECS, states), as_created(*fitted(SPECS, states))) == []


def test_dead_letters_have_room_for_whatever_the_documents_topic_may_hold():
    states = with_setting("kb", "max.message.bytes", "10000000")

    assert {(each.topic, each.setting) for each in findings(SPECS, states)} == {
        ("kb.again", "max.message.bytes"),
        ("kb.dead-letters", "max.message.bytes"),
    }
    assert int(fitted(SPECS, states)[2].configs["max.message.bytes"]) > 10_000_000


def test_the_documents_topic_takes_events_as_large_as_the_settings_allow():
    spec = topic_specs(Topics(), partitions=1, max_event_bytes=5_000_000)[0]

    assert int(spec.configs["max.message.bytes"]) > 5_000_000


def test_a_change_feed_as_brokers_make_it_is_large_enough_and_needs_no_room_for_events() -> None:
    """Its records never exceed what they may; those of other topics are as large as upstream makes them."""
    by_default = with_setting("kb.indexed", "max.message.bytes", "1048588")
    roomy = with_setting("kb", "max.message.bytes", "10000000")
    assert findings(SPECS, by_default) == []
    assert "kb.indexed" not in {finding.topic for finding in findings(SPECS, roomy)}
    (found,) = findings(SPECS, with_setting("kb.indexed", "max.message.bytes", "500000"))
    assert (found.topic, found.setting) == ("kb.indexed", "max.message.bytes")
