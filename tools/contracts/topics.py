"""What lies in the topics: JSON Schemas of their records, and AsyncAPI 3 of the topics that hold something.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from freshet.schemas.events import Delete, Upsert
from freshet.schemas.feed import Change, Watermark
from freshet.schemas.queries import FeedbackRecord, QueryRecord
from freshet.schemas.topics import Topics, TopicSpec, topic_specs
from freshet.search.http.openapi import schemas
from freshet.search.http.operations import Model
from freshet.settings import Topics as TopicSettings

Json = dict[str, Any]
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_COMPONENT: Final = "#/components/schemas/"
_EVENTS: Final[tuple[Model, ...]] = (Upsert, Delete)
_COPIES: Final = {
    "Again": "The original bytes of an event; headers tell its origin, why it comes again, and its time.",
    "DeadLetter": "The original bytes of an event; headers tell its origin, the reason, the field and when.",
    "DeadLetterMark": "Nothing, under the key of a dead letter; the header `state` tells what was done about it.",
}
_CHANGES: Final[tuple[Model, ...]] = (Change, Watermark)
_QUALITY: Final[tuple[Model, ...]] = (QueryRecord, FeedbackRecord)
_RECORDS: Final = _EVENTS + _CHANGES + _QUALITY
_KEYS: Final = dict.fromkeys(_QUALITY, "the query's id")


def event_schema() -> Json:
    """JSON Schema of a record's value in the documents topic."""
    return _union("An event of the documents topic", _EVENTS)


def change_feed_schema() -> Json:
    """JSON Schema of a record's value in the change feed."""
    return _union("A record of the change feed", _CHANGES)


def query_schema() -> Json:
    """JSON Schema of a record's value in `search.queries`."""
    return _union("A search that was answered", (QueryRecord,))


def feedback_schema() -> Json:
    """JSON Schema of a record's value in `search.feedback`."""
    return _union("What somebody thought of a result", (FeedbackRecord,))


def _union(title: str, models: tuple[Model, ...]) -> Json:
    choices = [{"$ref": f"#/$defs/{model.__name__}"} for model in models]
    return {"$schema": _DIALECT, "title": title, "oneOf": choices, "$defs": _definitions(models, "#/$defs/")}


def _definitions(models: tuple[Model, ...], place: str) -> Json:
    return schemas(((model, "validation") for model in models), reference=f"{place}{{model}}")


def asyncapi() -> Json:
    """The topics by their default names, and what Freshet does with them."""
    names = Topics()
    held = {
        names.documents: _names(_EVENTS),
        names.again: ["Again"],
        names.dead_letters: ["DeadLetter", "DeadLetterMark"],
        names.indexed: _names(_CHANGES),
        names.queries: [QueryRecord.__name__],
        names.feedback: [FeedbackRecord.__name__],
    }
    specs = [each for each in topic_specs(names, partitions=TopicSettings().partitions) if each.name in held]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Freshet",
            "version": version("freshet"),
            "description": "The topics that Freshet reads and writes. The name of the first is a setting.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_id(each.name): _channel(each, held[each.name]) for each in specs},
        "operations": {
            "index": _operation("receive", names.documents, "The worker reads events, and the index follows them."),
            "repeat": _operation("receive", names.again, "The worker reads events that are to be processed again."),
            "reinstate": _operation("send", names.again, "The worker keeps what compaction would lose."),
            "bury": _operation("send", names.dead_letters, "The worker keeps events that can never be indexed."),
            "mark": _operation("send", names.dead_letters, "`freshet dead-letters` notes what was done about them."),
            "announce": _operation("send", names.indexed, "The worker tells what it has changed in the index."),
            "record": _operation("send", names.queries, "The search service tells what was asked and answered."),
            "judge": _operation("send", names.feedback, "The search service keeps what people thought of results."),
        },
        "components": {"messages": _messages(), "schemas": _definitions(_RECORDS, _COMPONENT)},
    }


def _id(topic: str) -> str:
    return topic.replace(".", "_").replace("-", "_")


def _names(models: tuple[Model, ...]) -> list[str]:
    return [model.__name__ for model in models]


def _channel(topic: TopicSpec, messages: list[str]) -> Json:
    cleanup = {"cleanup.policy": [str(topic.cleanup)]}
    return {
        "address": topic.name,
        "description": topic.holds,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": cleanup}},
    }


def _operation(action: str, topic: str, summary: str) -> Json:
    return {"action": action, "channel": {"$ref": f"#/channels/{_id(topic)}"}, "summary": summary}


def _messages() -> Json:
    found = {model.__name__: _message(model) for model in _RECORDS}
    return {**found, **{name: _as_it_came(name, about) for name, about in _COPIES.items()}}


def _as_it_came(name: str, about: str) -> Json:
    return {"name": name, "contentType": "application/octet-stream", "summary": about}


def _message(model: Model) -> Json:
    return {
        "name": model.__name__,
        "summary": " ".join((model.__doc__ or "").split("\n\n", maxsplit=1)[0].split()),
        "contentType": "application/json",
        "payload": {"$ref": f"{_COMPONENT}{model.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": _KEYS.get(model, "the document key")}}},
    }
