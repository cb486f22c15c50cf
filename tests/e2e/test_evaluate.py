"""`freshet evaluate` as people run it, over a collection that is judged by how it was made.

Half of its queries name a code that one document of many alike holds: words find it, meaning does not. The others say
in other words what a document says: meaning finds it, words do not.
"""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import mean

import pytest

from freshet.evaluation.collection import PREFIX
from freshet.search.index.qdrant.client import connect
from tests.support.judged import write_judged
from tests.support.road import Process, Road
from tests.support.servers import QdrantServer
from tests.support.waiting import wait_until

CODES = ["ZQ7714", "ZQ7741", "ZQ7147", "ZQ1774", "ZQ4177", "ZQ4717", "ZQ1477", "ZQ7471", "ZQ4771", "ZQ1747"]
OTHERS = ["ZQ9902", "ZQ9920", "ZQ9209", "ZQ2990", "ZQ0299", "ZQ0929", "ZQ2099", "ZQ9029", "ZQ0992", "ZQ2909"]
PARAPHRASES = {
    "cat": ("The cat slept on the sofa all afternoon. It woke for its supper.", "feline napping on a couch"),
    "car": ("He repaired his car in the garage. The brakes were worn.", "fixing an automobile"),
    "doctor": ("The doctor told her to rest. She had a fever for a week.", "physician's advice during an illness"),
    "child": ("Children learn to read at school. Their teachers help them.", "how kids become literate"),
    "rain": ("Heavy rain fell for three days. The river rose over its banks.", "flooding after a storm"),
    "money": ("She put her salary into a bank account. It earns interest.", "saving one's wages"),
    "bread": ("Mix flour, yeast and water. Leave the dough to rise and bake it.", "recipe of a homemade loaf"),
    "plane": ("The plane was late. Passengers waited at the airport.", "delayed flight"),
    "job": ("He was dismissed from his job. The factory had closed.", "becoming unemployed"),
    "film": ("The film won three prizes. Its actors were unknown before.", "award-winning movie"),
}
FILLERS = [f"Volume {number} of the yearbook lists members and meetings. Pages are numbered." for number in range(10)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    notes = {code: f"The machine reports fault {code}. Call the workshop and name it." for code in CODES + OTHERS}
    texts = {name: text for name, (text, _) in PARAPHRASES.items()}
    fillers = {f"filler-{number}": text for number, text in enumerate(FILLERS)}
    queries = {
        **{f"code-{code}": f"what to do about {code}" for code in CODES},
        **{f"said-{name}": query for name, (_, query) in PARAPHRASES.items()},
    }
    grades = {query: {query.partition("-")[2]: 1} for query in queries}
    return write_judged(tmp_path / "judged", {**notes, **texts, **fillers}, queries, grades)


@pytest.fixture
def evaluate_road(make_road: Callable[..., Road], tmp_path: Path) -> Road:
    return make_road(FRESHET_DATA_DIR=str(tmp_path / "data"))


async def test_words_find_codes_meaning_finds_paraphrases_and_both_together_find_both(
    folder: Path, evaluate_road: Road
):
    code, output = await evaluate_road.command("evaluate", str(folder), "--json")
    assert code == 0, output
    found = {run["name"]: run["queries"] for run in json.loads(output)["runs"]}

    def quality(run: str, kind: str) -> float:
        return mean(float(scores["ndcg@10"]) for query, scores in found[run].items() if query.startswith(kind))

    assert quality("sparse", "code") > quality("dense", "code")
    assert quality("dense", "said") > quality("sparse", "said")
    assert quality("hybrid", "") >= max(quality("sparse", ""), quality("dense", ""))


async def test_a_result_is_kept_and_the_next_one_held_against_it(folder: Path, evaluate_road: Road):
    code, output = await evaluate_road.command("evaluate", str(folder), "--save", "first", "--modes", "hybrid")
    assert code == 0, output
    assert "40 documents, 40 passages, 20 judged queries" in output

    code, output = await evaluate_road.command("evaluate", str(folder), "--against", "first", "--json")
    assert code == 0, output
    changes = json.loads(output)["changes"]
    assert {(each["run"], each["delta"], each["p"]) for each in changes} == {("hybrid", 0, 1)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_who_interrupts_it_leaves_nothing_behind(
    tmp_path: Path, evaluate_road: Road, qdrant: QdrantServer, number
):
    words = " ".join(f"word{each}" for each in range(150))
    many = {f"d{each}": f"{words} {each}" for each in range(3_000)}
    folder = write_judged(tmp_path / "many", many, {"q": "word"}, {"q": {"d1": 1}})
    before = await collections(qdrant)
    async with running("evaluate", str(folder), environment=evaluate_road.environment) as process:
        await wait_until(lambda: appeared(qdrant, before), "it indexes")
        process.send_signal(number)
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 130, output
    assert b"Traceback" not in output
    assert await collections(qdrant) == before


async def collections(qdrant: QdrantServer) -> set[str]:
    client = connect(qdrant.url, api_key=qdrant.api_key)
    try:
        return {each.name for each in (await client.get_collections()).collections if each.name.startswith(PREFIX)}
    finally:
        await client.close()


async def appeared(qdrant: QdrantServer, before: set[str]) -> bool:
    return bool(await collections(qdrant) - before)


@asynccontextmanager
async def running(*arguments: str, environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command; it is killed where a test fails."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "freshet", *arguments),
        env=Process.inherited(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
