"""The documentation and the code tell the same."""

import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from freshet import settings
from freshet.cli.app import app
from freshet.probes import create_probe_app
from freshet.schemas.decoding import Reason
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.http.app import create_app
from freshet.search.http.options import HttpOptions
from freshet.search.http.problems import Kind
from freshet.search.metrics import SearchMetrics
from freshet.streams.lag import LagWatcher
from freshet.streams.metrics import WorkerMetrics
from freshet.streams.plan import Outcome
from freshet.wiring.parts import new_registry
from tests.unit.search.http.world import World

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
TESTS = ROOT / "tests"
HOMES = re.compile(r"(?<![\w.}/])/(?:home|Users|root)/[\w.-]+|\b[A-Z]:\\Users\\")


def test_the_page_of_settings_is_current():
    page = runpy.run_path(str(ROOT / "tools" / "make_reference.py"))["settings_page"]()
    assert (DOCS / "settings.md").read_text() == page, "run: .venv/bin/python tools/make_reference.py"
    for name in settings.names():
        assert f"`{name}`" in page


def test_every_metric_is_documented_and_every_documented_metric_exists():
    registry = new_registry()
    WorkerMetrics(registry)
    SearchMetrics(registry)
    EmbeddingMetrics(registry)
    LagWatcher(lambda: pytest.fail("not now"), topic="t", group="g", registry=registry)
    ours = {exposed(each) for each in registry.collect() if not each.name.startswith(("process_", "python_"))}
    page = (DOCS / "operations.md").read_text()
    table = section(page, "Metrics").split("| outcome |")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == ours


def test_every_outcome_of_an_event_and_every_reason_of_a_dead_letter_is_documented():
    outcomes = section((DOCS / "operations.md").read_text(), "Metrics").split("| outcome |")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", outcomes, re.MULTILINE)) == {each.value for each in Outcome}
    reasons = section((DOCS / "events.md").read_text(), "Dead letters").split("| reason |")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", reasons, re.MULTILINE)) == {each.value for each in Reason}


def test_every_command_is_in_the_readme():
    text = (ROOT / "README.md").read_text()
    for command in commands():
        assert re.search(rf"`freshet {command}[ `]", text), f"freshet {command} is not in the README"


def test_every_option_that_the_readme_names_exists():
    text = (ROOT / "README.md").read_text()
    options = [each for command in commands().values() for each in command.params]
    known = {name for each in options for name in each.opts}
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= known | {"--help"}


def test_every_route_is_documented_and_every_documented_route_exists():
    world = World()
    service = create_app(
        service=world.service,
        publisher=world.publisher,
        checks={},
        metrics=SearchMetrics(CollectorRegistry()),
        options=HttpOptions(),
    )
    page = (DOCS / "http.md").read_text()
    assert set(re.findall(r"`((?:GET|PUT|POST|DELETE) /\S*)`", page)) == routes(service)


def test_every_route_of_the_probe_port_is_documented():
    page = section((DOCS / "operations.md").read_text(), "Probes")
    found = set(re.findall(r"`(GET /\S*)`", page))
    assert found == routes(create_probe_app(registry=CollectorRegistry(), checks={}))


def test_every_kind_of_problem_is_documented():
    rows = section((DOCS / "http.md").read_text(), "Errors")
    found = set(re.findall(r"^\| (\d+) \| `(\S+)` \|", rows, re.MULTILINE))
    assert found == {(str(kind.status), kind.type) for kind in Kind}


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
    tops = "(?:schemas|search|streams|freshet|tests|tools|docs)"
    for page in PAGES:
        for name in re.findall(rf"`({tops}/[\w./-]+\.(?:py|md|json))`", page.read_text()):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_no_file_names_a_place_on_somebodys_machine():
    for file in text_files():
        text = file.read_text(encoding="utf-8", errors="ignore")
        found = HOMES.findall(text)
        assert not found, f"{file.relative_to(ROOT)}: {found}"


def exposed(metric: Metric) -> str:
    """The name under which Prometheus sees it."""
    return metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")


def section(page: str, heading: str) -> str:
    """What stands below a heading of the second level."""
    return re.split(r"^## ", page.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


def commands() -> dict[str, Any]:
    """Every command by its words: `topics create`."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        if inner := getattr(command, "commands", None):
            waiting += [(f"{name} {word}".strip(), each) for word, each in inner.items()]
        else:
            found[name] = command
    return found


def routes(application) -> set[str]:
    found = {(route.method, route.resource.canonical) for route in application.router.routes()}
    return {f"{method} {path}" for method, path in found if method != "HEAD"}


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
