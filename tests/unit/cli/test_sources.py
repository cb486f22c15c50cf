from pathlib import Path

import pytest

from freshet.cli.sources import first_heading, from_folder, from_lines
from freshet.schemas.decoding import BadEvent, Reason


def test_a_line_is_a_document_or_an_event():
    items = list(from_lines([b'{"id": "a", "text": "b"}\n', b"\n", b'{"type": "delete", "id": "c"}']))

    assert [item.where for item in items] == ["line 1", "line 3"]
    assert [item.read()["type"] for item in items] == ["upsert", "delete"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", Reason.NOT_JSON),
        (b"[1]", Reason.WRONG_TYPE),
        (b'"text"', Reason.WRONG_TYPE),
        (b'{"id": "\xff"}', Reason.NOT_UTF8),
        (b"[" * 100_000, Reason.NOT_JSON),
    ],
)
def test_a_line_that_is_no_document_says_why(line, reason):
    (item,) = from_lines([line])

    with pytest.raises(BadEvent) as raised:
        item.read()
    assert raised.value.reason is reason


def test_a_folder_gives_its_text_files_with_their_paths_as_ids(tmp_path: Path):
    for name, text in {
        "guide/setup.md": "intro\n\n# Set *it* up #\n",
        "guide/notes.txt": "# not a heading",
        "api.rst": "\ufeff=====\nThe API\n=====\n",
        "code.py": "print()",
        ".git/description.txt": "hidden",
        "guide/.draft.md": "hidden",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    documents = [item.read() for item in from_folder(tmp_path)]

    assert [(each["id"], each["title"]) for each in documents] == [
        ("api.rst", "The API"),
        ("guide/notes.txt", "notes.txt"),
        ("guide/setup.md", "Set *it* up"),
    ]
    assert documents[1]["text"] == "# not a heading"


def test_a_file_that_is_not_utf8_says_so(tmp_path: Path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (item,) = from_folder(tmp_path)

    with pytest.raises(BadEvent, match="not UTF-8"):
        item.read()


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("# One\n## Two", "One"),
        ("```\n# a comment\n```\n## Real", "Real"),
        ("Title\n=====\ntext", "Title"),
        ("****\nOver\n****\n", "Over"),
        ("---\nname: front\n---\n# Real", "Real"),
        ("no heading\nat all", None),
        ("#hashtag", None),
        ("", None),
    ],
)
def test_the_first_heading_is_the_title(text, heading):
    assert first_heading(text) == heading
