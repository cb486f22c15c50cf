import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.cli.mirroring import FolderGoneError, FolderMirror
from freshet.local.processes import LocalPartError
from freshet.schemas.decoding import Rules, decode_body
from freshet.schemas.errors import TransientError
from freshet.schemas.events import Upsert


class Log:
    """What was published, and the fold of it; it can fail after so many events."""

    def __init__(self) -> None:
        self.rules = Rules(max_bytes=1000)
        self.texts: dict[str, str] = {}
        self.events: list[str] = []
        self.left: int | None = None

    async def send(self, prepared):
        for each in prepared:
            if self.left is not None:
                if not self.left:
                    raise TransientError("publish", "Kafka is away")
                self.left -= 1
            body = decode_body(each.value, self.rules)
            self.events.append(f"{body.type} {body.id}")
            if isinstance(body, Upsert):
                self.texts[body.id] = body.text
            else:
                self.texts.pop(body.id, None)
        return []


class Desk:
    """A folder, its mirror with a state file, and what the mirror said."""

    def __init__(self, place: Path) -> None:
        self.folder, self.file = place / "notes", place / "published.json"
        self.folder.mkdir()
        self.log, self.said = Log(), list[str]()
        self.start()

    def start(self) -> None:
        self.mirror = FolderMirror(self.folder, file=self.file, say=self.said.append)

    def write(self, name: str, text: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    async def sync(self) -> list[str]:
        """The events that this took."""
        before = len(self.log.events)
        count = await self.mirror.sync(self.log)
        assert count == len(self.log.events) - before
        return self.log.events[before:]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


async def test_new_changed_and_deleted_files_are_published_and_nothing_else(desk):
    desk.write("a.md", "# A")
    desk.write("sub/b.txt", "b")
    desk.write("code.py", "print()")
    desk.write(".hidden/c.md", "c")
    assert await desk.sync() == ["upsert a.md", "upsert sub/b.txt"]
    assert await desk.sync() == []
    desk.write("a.md", "# Another")
    (desk.folder / "sub" / "b.txt").unlink()
    assert await desk.sync() == ["upsert a.md", "delete sub/b.txt"]


async def test_a_change_of_equal_size_right_after_the_scan_is_seen(desk):
    desk.write("a.md", "one")
    await desk.sync()
    stamp = (desk.folder / "a.md").stat()
    desk.write("a.md", "two")
    os.utime(desk.folder / "a.md", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert await desk.sync() == ["upsert a.md"]
    assert desk.log.texts == {"a.md": "two"}


async def test_a_file_that_was_only_touched_is_not_published_again(desk):
    desk.write("a.md", "one")
    await desk.sync()
    os.utime(desk.folder / "a.md", (1, 1))
    assert await desk.sync() == []


async def test_files_that_did_not_change_since_long_are_not_even_read(desk, monkeypatch):
    monkeypatch.setattr("freshet.cli.mirroring.SETTLED_SECONDS", -1.0)
    desk.write("a.md", "one")
    await desk.sync()
    desk.start()
    monkeypatch.setattr("freshet.cli.mirroring.read_file", lambda *_: pytest.fail("it was read"))
    assert await desk.sync() == []


async def test_the_next_start_publishes_only_the_difference(desk):
    for name in "abc":
        desk.write(f"{name}.md", name)
    await desk.sync()
    desk.start()
    desk.write("b.md", "changed")
    (desk.folder / "a.md").unlink()
    assert await desk.sync() == ["upsert b.md", "delete a.md"]


async def test_a_saved_by_rename_file_and_a_moved_folder_are_followed(desk):
    desk.write("sub/a.md", "old")
    await desk.sync()
    desk.write("sub/.a.md.swp", "new")
    (desk.folder / "sub" / ".a.md.swp").replace(desk.folder / "sub" / "a.md")
    assert await desk.sync() == ["upsert sub/a.md"]
    (desk.folder / "sub").rename(desk.folder / "moved")
    assert await desk.sync() == ["upsert moved/a.md", "delete sub/a.md"]
    assert desk.log.texts == {"moved/a.md": "new"}


@pytest.mark.parametrize(
    ("content", "why"), [(b"caf\xe9", "not UTF-8"), (b"x" * 1001, "1,001 bytes, the limit is 1,000")]
)
async def test_what_cannot_be_published_is_told_once_and_leaves_the_index(desk, content, why):
    desk.write("good.md", "good")
    desk.write("a.md", "a")
    await desk.sync()
    desk.write("a.md", content)
    assert await desk.sync() == ["delete a.md"]
    await desk.sync()
    (line,) = desk.said
    assert line.startswith("left out a.md: the file")
    assert why in line
    desk.write("a.md", "a")
    assert await desk.sync() == ["upsert a.md"]
    assert desk.log.texts == {"good.md": "good", "a.md": "a"}


async def test_a_file_that_vanishes_between_scan_and_reading_is_no_error(desk, monkeypatch):
    from freshet.cli import mirroring, sources

    desk.write("a.md", "a")
    desk.write("b.md", "b")
    await desk.sync()
    real = sources.read_file

    def read(folder, name):
        (folder / "b.md").unlink(missing_ok=True)
        return real(folder, name)

    desk.write("a.md", "changed")
    monkeypatch.setattr(mirroring, "read_file", read)
    assert await desk.sync() == ["upsert a.md", "delete b.md"]
    assert desk.said == []


async def test_a_folder_that_is_gone_deletes_nothing(desk):
    desk.write("a.md", "a")
    await desk.sync()
    shutil.rmtree(desk.folder)
    with pytest.raises(FolderGoneError, match=r"notes (is not there any more|cannot be read: No such file)"):
        await desk.sync()
    assert desk.log.texts == {"a.md": "a"}


async def test_a_damaged_state_file_says_what_to_do(desk):
    desk.file.write_text("{")
    with pytest.raises(LocalPartError, match=r"published\.json is damaged: begin anew with --fresh"):
        desk.start()


async def test_a_file_published_by_a_crashed_sync_and_deleted_before_the_next_start_is_not_left_in_the_index(desk):
    desk.write("a.md", "a")
    desk.write("b.md", "b")
    desk.log.left = 1
    with pytest.raises(TransientError):
        await desk.sync()
    assert desk.log.texts == {"a.md": "a"}
    (desk.folder / "a.md").unlink()
    desk.log.left = None
    desk.start()
    await desk.sync()
    assert desk.log.texts == {"b.md": "b"}


async def test_a_file_put_back_after_a_crashed_sync_is_published_again(desk):
    desk.write("a.md", "one")
    desk.write("b.md", "one")
    await desk.sync()
    desk.write("a.md", "two")
    desk.write("b.md", "two")
    desk.log.left = 1
    with pytest.raises(TransientError):
        await desk.sync()
    desk.write("a.md", "one")
    desk.log.left = None
    desk.start()
    await desk.sync()
    assert desk.log.texts == {"a.md": "one", "b.md": "two"}


NAMES = st.sampled_from(["a.md", "b.txt", "sub/a.md", "sub/deep/c.rst", "other/a.md", ".hidden.md", "x.py"])
CONTENTS = st.sampled_from([b"", b"one", b"two", b"# Title\n", b"\xff", b"y" * 2000])
STEPS = st.one_of(
    st.tuples(st.just("write"), NAMES, CONTENTS),
    st.tuples(st.just("delete"), NAMES, st.none()),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("move folder"), st.just("sub"), st.sampled_from(["other", "new"])),
    st.tuples(st.just("sync"), st.none(), st.none()),
    st.tuples(st.just("crash"), st.integers(0, 3), st.none()),
    st.tuples(st.just("restart"), st.none(), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=25))
async def test_after_any_edits_crashes_and_restarts_the_log_says_what_the_folder_says(steps):
    with tempfile.TemporaryDirectory() as place:
        desk = Desk(Path(place))
        for what, first, second in steps:
            await _step(desk, what, first, second)
        await desk.sync()
        assert desk.log.texts == indexable(desk.folder)
        desk.start()
        assert await desk.sync() == []


async def _step(desk: Desk, what: str, first, second) -> None:
    if what == "write":
        desk.write(first, second)
    elif what == "delete":
        (desk.folder / first).unlink(missing_ok=True)
    elif what in ("rename", "move folder"):
        source, target = desk.folder / first, desk.folder / second
        if source.exists() and not (source.is_dir() and target.exists()):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
    elif what == "sync":
        await desk.sync()
    elif what == "restart":
        desk.start()
    else:
        desk.log.left = first
        try:
            await desk.mirror.sync(desk.log)
        except TransientError:
            desk.start()
        desk.log.left = None


def indexable(folder: Path) -> dict[str, str]:
    """What of the folder can be published, found in another way."""
    found = {}
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b"\xff"
        name = path.relative_to(folder).as_posix()
        if path.suffix in (".md", ".txt", ".rst") and not path.name.startswith(".") and len(content) < 1000:
            try:
                found[name] = content.decode()
            except UnicodeDecodeError:
                continue
    return found
