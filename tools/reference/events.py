"""The page of events, topics, dead letters and the change feed, from freshet/schemas/."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from freshet.schemas.again import Why
from freshet.schemas.decoding import Reason
from freshet.schemas.events import Delete, Upsert
from freshet.schemas.feed import Change, Watermark
from freshet.schemas.queries import FeedbackRecord, QueryRecord
from freshet.schemas.topics import DAY_MS, Topics, TopicSpec, topic_specs
from freshet.schemas.words import Word
from freshet.settings import Topics as TopicSettings
from freshet.streams.letters import State
from freshet.streams.plan import Outcome
from tools.reference.fields import fields_table, nested_models
from tools.reference.markdown import doc, page, table

INTRODUCTION: Final = """\
[Events](../events.md) tells how these are used, with examples. Types are never guessed, and unknown fields of an event
are ignored."""


def events_page() -> str:
    """The whole page."""
    return page(
        "Events and topics",
        "`freshet/schemas/`",
        INTRODUCTION,
        "## Events",
        *(_model(model, always="type") for model in (Upsert, Delete)),
        "## Topics",
        _topics(),
        "## Reasons of dead letters",
        _words("reason", Reason),
        "## Reasons of again",
        "Why an event lies in `documents.again`.",
        _words("reason", Why),
        "## States of dead letters",
        _words("state", State),
        "## Change feed",
        *(_model(model, always="kind") for model in (Change, Watermark)),
        *(_model(model) for model in dict.fromkeys(nested_models(Change))),
        "### Outcomes",
        _words("outcome", Outcome),
        "## Searches and feedback",
        "[Quality](../quality.md#what-people-ask-and-think) tells how these are used.",
        *(_model(model, always="query_id") for model in (QueryRecord, FeedbackRecord)),
    )


def _model(model: type[BaseModel], *, always: str | None = None) -> str:
    fields = fields_table(model, always=[always] if always else [])
    return f"### {model.__name__}\n\n{doc(model)}\n\n{fields}"


def _words(column: str, words: type[Word]) -> str:
    return table([column, "means"], [[f"`{each.value}`", each.meaning] for each in words])


def _topics() -> str:
    specs = topic_specs(Topics(), partitions=TopicSettings().partitions)
    rows = [[f"`{each.name}`", each.holds, each.cleanup, _partitions(each), _least(each)] for each in specs]
    return table(["topic", "holds", "cleanup", "partitions", "other settings, at least"], rows)


def _partitions(spec: TopicSpec) -> str:
    return f"as many as `{spec.follows}`" if spec.follows else f"{spec.partitions}"


def _least(spec: TopicSpec) -> str:
    return ", ".join(f"`{name}` {_amount(name, number)}" for name, number in spec.minimums.items())


def _amount(name: str, number: int) -> str:
    if not name.endswith(".ms"):
        return f"{number:,}"
    days = number // DAY_MS
    return "1 day" if days == 1 else f"{days} days"
