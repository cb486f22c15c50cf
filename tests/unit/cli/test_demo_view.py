"""What people see of the demo while it starts, indexes and serves."""

import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from freshet.cli import demo_state
from freshet.cli.demo_state import State
from freshet.cli.demo_view import LineView, LiveView, progress, serving_lines, starting_lines
from freshet.cli.progress import Pace


def part(name: str, seconds: float | None = None, *, is_ready: bool = False) -> Any:
    return SimpleNamespace(name=name, seconds=seconds, is_ready=is_ready)


def started(**given: Any) -> State:
    state = State([part("Kafka", 2.84, is_ready=True), part("worker", 3.9, is_ready=True)], "the handbook")
    for name, value in given.items():
        setattr(state, name, value)
    return state


def pace(total: int, done: int, rate: float, monkeypatch: pytest.MonkeyPatch) -> Pace:
    """A pace that has gone like this for a second."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    made = Pace()
    made.total = total
    made.at(int(done - rate))
    made._seen.popleft()
    now[0] += 1
    made.at(done)
    return made


def test_while_it_starts_each_part_tells_how_far_it_is():
    state = State([part("Kafka", 2.84, is_ready=True), part("worker", 0.5), part("search service")], "the handbook")
    assert starting_lines(state) == [
        "  Kafka           ready     2.8 s",
        "  worker          starting  0.5 s",
        "  search service  waiting",
    ]


def test_while_it_indexes_it_tells_how_much_is_done_how_fast_and_how_long_it_will_take(monkeypatch):
    state = started(is_published=True, indexing=pace(1_000, 750, 50, monkeypatch), documents=700, behind=250)
    bar, figures, end = serving_lines(state)
    assert bar == "  indexing  ━━━━━━━━━━━━━━━━━━━━━━········  750 of 1,000 (50/s, 5 s left)"
    assert figures == "  700 documents · 250 events behind"
    assert end == "  Ctrl-C ends it"


def test_while_it_publishes_it_tells_that(monkeypatch):
    state = started(publishing=pace(1_000, 500, 500, monkeypatch))
    assert serving_lines(state)[0].startswith("  publishing  ")
    assert serving_lines(started())[0] == "  reading the handbook"


def test_once_all_is_indexed_it_tells_how_fresh_the_index_is():
    state = started(
        is_published=True, documents=1, behind=0, freshness=0.21, changed_at=datetime(2026, 11, 24, 12, tzinfo=UTC)
    )
    state.indexed.set()
    [figures, _] = serving_lines(state)
    assert figures.startswith("  1 document · 0 events behind · found 0.2 s after the event · last change ")


def test_what_the_worker_waits_for_is_told():
    state = started(is_published=True, trouble="kafka: no answer within 3 s")
    assert "  waiting: kafka: no answer within 3 s" in serving_lines(state)


def test_a_pace_that_does_not_move_promises_no_end(monkeypatch):
    assert progress(pace(10, 5, 0, monkeypatch)) == "5 of 10 (0/s)"


@pytest.mark.parametrize(
    ("backlog", "published", "total", "behind", "done"),
    [
        (0, 0, 100, 0, 0),  # nothing has reached Kafka yet
        (0, 60, 100, 40, 20),  # 60 are in the log, 20 of them indexed
        (30, 100, 100, 10, 120),  # what an earlier run left behind counts too
        (0, 100, 100, 0, 100),
    ],
)
def test_what_is_indexed_is_what_is_neither_on_its_way_nor_behind(backlog, published, total, behind, done):
    state = started(backlog=backlog, behind=behind)
    state.publishing.total, state.publishing.done = total, published
    demo_state._count(state, published=published == total)
    assert state.indexing.done == done
    assert state.is_indexed == (published == total and not behind)


def test_on_a_terminal_the_figures_stay_at_the_bottom_and_what_is_said_stands_above(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    screen = io.StringIO()
    with LiveView(Console(file=screen, force_terminal=True, width=80, highlight=False)) as view:
        view.show(started(is_published=True, documents=7))
        view.announce("Search at http://127.0.0.1:8080/ [not markup]")
        written = screen.getvalue()
        view.show(started(is_published=True, documents=7))
        assert screen.getvalue() == written, "what has not changed is not written again, so that one can copy from it"
    text = screen.getvalue()
    assert "Search at http://127.0.0.1:8080/ [not markup]" in text
    assert "ready: Kafka 2.8 s, worker 3.9 s" in text
    assert "7 documents" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is back"


def test_elsewhere_it_writes_a_line_when_something_is_done(monkeypatch, capsys):
    with LineView() as view:
        state = started(is_published=True, indexing=pace(10, 10, 5, monkeypatch))
        view.show(state)
        state.indexed.set()
        view.show(state)
        view.show(state)
        view.announce("Search at http://127.0.0.1:8080/")
    captured = capsys.readouterr()
    assert captured.out == "Search at http://127.0.0.1:8080/\n"
    assert captured.err.splitlines()[1:] == [
        "ready: Kafka 2.8 s, worker 3.9 s",
        "indexed 10 events in 1.0 s (10/s)",
    ]
