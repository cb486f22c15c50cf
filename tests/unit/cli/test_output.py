"""Tables: whole wherever they go, and nothing that somebody copies is ever broken."""

import sys

import pytest

from freshet.cli.output import print_table

NAME = "documents__1_90a9d0d700f4c23"


@pytest.fixture
def terminal(monkeypatch):
    def of(columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    return of


def printed(capsys):
    print_table(("version", "documents", "what"), [(NAME, 1_503, "a b"), ("other", 2, "c")], right=("documents",))
    return capsys.readouterr().out


def test_where_there_is_room_each_row_is_a_line(capsys, terminal):
    terminal(80)
    assert [line.split() for line in printed(capsys).splitlines() if NAME in line] == [[NAME, "1503", "a", "b"]]


def test_in_a_narrow_terminal_a_row_is_a_paragraph_and_no_name_is_broken(capsys, terminal):
    terminal(40)
    assert (
        printed(capsys)
        == f"""
{NAME}
  documents  1503
  what       a b

other
  documents  2
  what       c

"""
    )


def test_what_is_piped_on_has_its_lines_whole(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert f"{NAME}   " in printed(capsys)
