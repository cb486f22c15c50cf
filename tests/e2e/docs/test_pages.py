"""What the documentation shows works: every command and every block of code, as somebody would follow a page."""

from pathlib import Path

import pytest

from tests.e2e.docs.blocks import blocks_of, pages
from tests.e2e.docs.running import Reader
from tests.e2e.docs.shell import Shell
from tests.e2e.docs.world import ROOT, World

READ = {str(page.relative_to(ROOT)): blocks_of(str(page.relative_to(ROOT)), page.read_text()) for page in pages(ROOT)}


@pytest.mark.parametrize("page", [name for name, blocks in READ.items() if blocks])
async def test_what_the_page_shows_works(page, world: World, tmp_path: Path):
    folder = world.folder(tmp_path)
    try:
        async with Shell(folder, world.environment) as shell:
            reader = Reader(world, folder, shell)
            for block in READ[page]:
                await reader.follow(block)
            await reader.finish()
    finally:
        if any("replay run" in block.text for block in READ[page]):
            await world.put_back()


async def test_every_metric_that_the_processes_expose_is_in_the_reference(world: World):
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    for process in world.processes:
        _, text = await process.probe("/metrics")
        named = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
        own = {name for name in named if not name.startswith(("process_", "python_")) and not name.endswith("_created")}
        assert {name for name in own if f"| `{name}` |" not in page} == set()
