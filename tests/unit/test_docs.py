"""The documentation and the code tell the same. tests/e2e/docs/ runs what the documentation shows."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from pydantic import BaseModel

from freshet import settings
from freshet.schemas import explain, http, status
from freshet.schemas.topics import Topics
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.http.problems import Kind
from freshet.search.metrics import SearchMetrics
from freshet.search.results.metrics import ResultMetrics
from freshet.search.results.upkeep import UpkeepMetrics
from freshet.streams.lag import Followed, LagWatcher
from freshet.streams.metrics import WorkerMetrics
from freshet.wiring.parts import new_registry
from tools import contracts, reference
from tools.reference.commands import commands
from tools.reference.operations import probe_operations, service_operations

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
TESTS = ROOT / "tests"
MADE = ("tests/logs/",)  # by the tests that start servers
TYPES = {
    "/problems/bad-request": 400,
    "/problems/invalid-json": 400,
    "/problems/no-key": 401,
    "/problems/foreign-origin": 403,
    "/problems/foreign-tenant": 403,
    "/problems/missing-scope": 403,
    "/problems/not-found": 404,
    "/problems/method-not-allowed": 405,
    "/problems/slow-request": 408,
    "/problems/too-large": 413,
    "/problems/unsupported-media-type": 415,
    "/problems/foreign-host": 421,
    "/problems/invalid-request": 422,
    "/problems/too-many-requests": 429,
    "/problems/internal": 500,
    "/problems/refused": 502,
    "/problems/overloaded": 503,
    "/problems/unavailable": 503,
    "/problems/deadline": 504,
}
HOMES = re.compile(r"(?<![\w.}/])/(?:home|Users|root)/[\w.-]+|\b[A-Z]:\\Users\\")


@pytest.mark.parametrize("name", reference.pages())
def test_the_reference_tells_what_the_code_says_now(name):
    assert (reference.FOLDER / name).read_text() == reference.pages()[name], "run: make reference"


@pytest.mark.parametrize("name", contracts.files())
def test_the_contracts_say_what_the_code_says_now(name):
    assert (contracts.FOLDER / name).read_text() == contracts.files()[name], "run: make reference"


def test_no_page_of_the_reference_and_no_contract_is_left_over():
    assert {file.name for file in reference.FOLDER.iterdir()} == set(reference.pages())
    assert {file.name for file in contracts.FOLDER.iterdir()} == set(contracts.files())


def test_every_problem_has_its_row_in_the_reference_and_its_types_are_those_of_before():
    """Programs tell problems apart by their types, so one is never renamed nor taken away: here they may only grow."""
    page = (reference.FOLDER / "http.md").read_text()
    assert [kind for kind in Kind if f"| {kind.status} | `{kind.type}` | {kind.title} |" not in page] == []
    assert {kind.type: kind.status for kind in Kind} == TYPES


def test_every_setting_is_in_the_reference():
    page = (reference.FOLDER / "settings.md").read_text()
    assert [name for name in settings.names() if f"| `{name}` |" not in page] == []


def test_every_command_is_in_the_reference_and_the_main_ones_in_the_readme():
    page, readme = (reference.FOLDER / "commands.md").read_text(), (ROOT / "README.md").read_text()
    for command in commands():
        assert f"\n## `freshet {command}`\n" in page
        assert re.search(rf"\bfreshet {command.split()[0]}\b", readme), f"freshet {command} is not in the README"


def test_every_metric_is_in_the_reference_and_every_metric_that_the_documentation_names_exists():
    registry = new_registry()
    WorkerMetrics(registry)
    SearchMetrics(registry)
    FeedMetrics(registry)
    EmbeddingMetrics(registry)
    ResultMetrics(registry)
    UpkeepMetrics(registry)
    LagWatcher(lambda: pytest.fail("not now"), followed=Followed(Topics(), "g").always, registry=registry)
    ours = {exposed(each) for each in registry.collect() if not each.name.startswith(("process_", "python_"))}
    page = (reference.FOLDER / "metrics.md").read_text()
    assert {name for name in ours if f"\n| `{name}` |" not in page} == set()
    for each in PAGES:
        named = set(re.findall(r"`(freshet_\w+?)(?:_bucket|_sum|_count)?[`{]", each.read_text()))
        assert named <= ours, f"{each.name} names metrics that do not exist"


def test_every_route_is_in_the_reference_and_every_route_that_the_documentation_names_exists():
    service = {each.name for each in service_operations()}
    probes = {each.name for each in probe_operations()}
    page = (reference.FOLDER / "http.md").read_text()
    assert {route for route in service | probes if f"\n### `{route}`\n" not in page} == set()
    for each in [ROOT / "README.md", DOCS / "http.md", DOCS / "operations.md"]:
        named = set(re.findall(r"`((?:GET|PUT|POST|DELETE) /[^\s`?]*)", each.read_text()))
        assert named <= service | probes, f"{each.name} names routes that do not exist"


def test_every_body_of_the_service_is_in_the_reference():
    page = (reference.FOLDER / "http.md").read_text()
    for room in (explain, http, status):
        models = [each for each in vars(room).values() if isinstance(each, type) and issubclass(each, BaseModel)]
        own = [each for each in models if each.__module__ == room.__name__ and not each.__name__.startswith("_")]
        fields = {f"| `{field}` |" for model in own for field in model.model_fields if field != "query"}
        assert {field for field in fields if field not in page} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_a_sentence_names_exist_with_their_options(page):
    known = commands()
    options = {name for command in known.values() for each in command.params for name in each.opts}
    for text in re.findall(r"(?<!`)`freshet ([a-z][^`]*)`", page.read_text().replace("\n", " ")):
        words = shlex.split(text)
        assert any(f"{name} ".startswith(f"{words[0]} ") for name in known), f"there is no `freshet {text}`"
        if any(name.startswith(f"{words[0]} ") for name in known) and words[1:]:
            assert " ".join(words[:2]) in known, f"there is no `freshet {text}`"
        named = {word.split("=")[0] for word in words if word.startswith("--")}
        assert named <= options | {"--help"}, f"`freshet {text}` has no such option"


def test_every_page_is_in_an_index():
    for folder in (DOCS, DOCS / "decisions"):
        index = (folder / "README.md").read_text()
        names = {page.name for page in folder.glob("*.md")} - {"README.md"}
        assert {name for name in names if f"({name})" not in index} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: there is no such heading"


def test_tests_that_the_documentation_names_exist():
    code = "\n".join(file.read_text() for file in TESTS.rglob("*.py"))
    for page in PAGES:
        for name in re.findall(r"`(test_\w+)(?:\[\w+\])?`", page.read_text()):
            assert f"def {name}(" in code, f"{page.name} names {name}"


def test_files_that_the_documentation_names_exist():
    tops = "(?:schemas|search|streams|freshet|tests|tools|docs|deploy|benchmarks)"
    for page in PAGES:
        for name in re.findall(rf"`({tops}/[\w./-]*)`", page.read_text()):
            assert (ROOT / name).exists() or name in MADE, f"{page.name} names {name}"


def test_no_file_names_a_place_on_somebodys_machine():
    for file in text_files():
        text = file.read_text(encoding="utf-8", errors="ignore")
        found = HOMES.findall(text)
        assert not found, f"{file.relative_to(ROOT)}: {found}"


def exposed(metric: Metric) -> str:
    """The name under which Prometheus sees it."""
    return metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as they are made of their words."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def text_files() -> list[Path]:
    """What git tracks, or would."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    files = [ROOT / name for name in names if name]
    return [file for file in files if file.is_file() and not file.is_symlink() and b"\0" not in file.read_bytes()]
