"""`freshet demo --folder`: a folder of one's own, followed as it is edited."""

import re
from pathlib import Path

import pytest

from freshet.local.asking import ask
from tests.support.demo import Demo, expect_nothing_left, index_facts, worker_metrics

FILES = {
    "garden/roses.md": "# Pruning roses\n\nCut them back in March, above an eye that looks outward.",
    "garden/compost.md": "# A compost heap\n\nGreen and brown in layers, turned every other week.",
    "kitchen/bread.txt": "Sourdough rests overnight before it goes into a hot oven.",
    "bicycle.rst": "The bicycle chain\n=================\n\nOil it after rain.",
}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "my notes"
    for name, text in FILES.items():
        write(folder / name, text)
    return folder


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


async def test_edits_are_found_as_they_are_saved_and_the_next_start_publishes_only_the_difference(tmp_path, notes):
    demo = Demo(tmp_path / "first", tmp_path / "data")
    await demo.start("--folder", str(notes))
    url = await demo.serving()
    await holds(demo, url, set(FILES))
    told = demo.out.read_text()
    assert "  Pruning roses\n" in told
    assert f"Edit a file in {notes} and save it" in told

    write(notes / "garden" / "roses.md", "# Roses\n\nA remedy for greenfly is soapy water.")
    write(notes / "cellar.md", "# The cellar\n\nThe meter of the heating must be read in December.")
    (notes / "bicycle.rst").unlink()
    (notes / "kitchen").rename(notes / "bakery")
    names = {"garden/roses.md", "garden/compost.md", "bakery/bread.txt", "cellar.md"}
    await holds(demo, url, names)
    await finds(demo, url, "aphids on my flowers", "garden/roses.md", "soapy water")
    await finds(demo, url, "when do I read the heating meter", "cellar.md", "December")
    await finds(demo, url, "dough rests overnight", "bakery/bread.txt", "Sourdough")

    notes.rename(tmp_path / "away")
    await demo.until(lambda: "until the folder is back" in demo.err.read_text(), "it says that the folder is gone")
    assert (await index_facts(url))["documents"] == len(names)
    write(notes / "cellar.md", "# The cellar\n\nThe heating was replaced by a heat pump.")
    await holds(demo, url, {"cellar.md"})
    assert "is back\n" in demo.err.read_text()
    write(notes / "garden" / "roses.md", FILES["garden/roses.md"])
    await holds(demo, url, {"cellar.md", "garden/roses.md"})

    demo.interrupt()
    assert await demo.end() == 0
    (data,) = (tmp_path / "data").iterdir()
    assert re.fullmatch(r"demo-my-notes-[0-9a-f]{8}", data.name)
    expect_nothing_left(tmp_path / "data", data.name)

    write(notes / "attic.md", "# The attic\n\nThe christmas decorations are in the red box.")
    (notes / "cellar.md").unlink()
    again = Demo(tmp_path / "again", tmp_path / "data")
    await again.start("--folder", str(notes))
    url = await again.serving()
    await holds(again, url, {"garden/roses.md", "attic.md"})
    await finds(again, url, "christmas decorations", "attic.md", "red box")

    async def counted() -> list[tuple[str, str]]:
        """An event is counted after it can be searched."""
        metrics = await worker_metrics(tmp_path / "data", data.name)
        events = re.findall(r'^freshet_events_total\{outcome="(\w+)"\} ([1-9].*)$', metrics, re.MULTILINE)
        assert sum(float(count) for _, count in events) >= 2, events
        return events

    events = await again.until(counted, "both events are counted")
    assert sum(float(count) for _, count in events) == 2, events
    again.interrupt()
    assert await again.end() == 0


async def holds(demo: Demo, url: str, names: set[str]) -> None:
    """Return when these documents can be found, and no others."""

    async def are_there() -> bool:
        found = {result.id for result in (await ask(url, "what is in my notes")).results}
        facts = await index_facts(url)
        assert found == names, demo.err.read_text()
        return int(facts["documents"]) == len(names)

    await demo.until(are_there, f"the documents are {sorted(names)}")


async def finds(demo: Demo, url: str, query: str, name: str, text: str) -> None:
    async def is_first() -> bool:
        best = (await ask(url, query)).results[0]
        return best.id == name and text in best.text

    await demo.until(is_first, f"{name} is found")


async def test_files_that_cannot_be_published_are_told_and_the_others_indexed(tmp_path, notes):
    (notes / "latin.txt").write_bytes(b"caf\xe9")
    (notes / "huge.md").write_text("x" * 1_500_000)
    demo = Demo(tmp_path / "first", tmp_path / "data")
    await demo.start("--folder", str(notes), "--query", "pruning")
    assert await demo.end(180) == 0
    assert "Pruning roses" in demo.out.read_text()
    left_out = sorted(line for line in demo.err.read_text().splitlines() if line.startswith("left out"))
    assert left_out == [
        "left out huge.md: the file has 1,500,000 bytes, the limit is 1,000,000",
        "left out latin.txt: the file is not UTF-8 (byte 3)",
    ]
