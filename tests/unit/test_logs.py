"""Lines of the log: for people to read, and for programs to take apart."""

from __future__ import annotations

import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.logs import LineFormatter, log_to_stderr
from freshet.search.http.logs import REQUEST_ID


def line(message: str = "something happened", **fields: object) -> str:
    record = logging.getLogger("freshet.x").makeRecord(
        "freshet.x", logging.WARNING, __file__, 1, message, (), None, extra=fields
    )
    return LineFormatter().format(record)


def test_a_line_says_when_how_bad_where_and_what_and_then_what_is_known():
    told = line(action="request_failed", ms=1.5, query='say "hi" = now', empty="")
    head, _, rest = told.partition(" WARNING freshet.x: ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", head)
    assert rest == r'something happened action=request_failed ms=1.5 query="say \"hi\" = now" empty=""'


def test_a_line_carries_the_id_of_the_request_once():
    bound = REQUEST_ID.set("trace-1")
    assert line().endswith("something happened request_id=trace-1")
    assert line(request_id="trace-1").count("trace-1") == 1
    REQUEST_ID.reset(bound)
    assert "request_id" not in line()


def test_a_traceback_follows_the_line():
    error = ValueError("why")
    record = logging.getLogger("freshet.x").makeRecord(
        "freshet.x", logging.ERROR, __file__, 1, "failed", (), (ValueError, error, None), extra={"action": "failed"}
    )
    assert LineFormatter().format(record).splitlines()[0].endswith("failed action=failed")
    assert LineFormatter().format(record).splitlines()[-1] == "ValueError: why"


@pytest.mark.parametrize("library", ["openai", "httpx", "httpx2", "httpcore2.http11", "aiokafka.conn"])
def test_libraries_that_log_what_they_send_are_heard_from_warnings_on_however_much_we_log(library, monkeypatch):
    for name in (library, library.partition(".")[0]):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    log_to_stderr("debug")
    assert not logging.getLogger(library).isEnabledFor(logging.INFO)
    assert logging.getLogger(library).isEnabledFor(logging.WARNING)


@given(st.text())
def test_whatever_stands_in_a_field_makes_no_second_line_and_can_be_read_back(value):
    told = line("m", field=value)
    assert len(told.split("\n")) == 1
    assert "\r" not in told
    raw = told.partition(" m field=")[2]
    assert (json.loads(raw) if raw.startswith('"') else raw) == value
