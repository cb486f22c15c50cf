import subprocess
import sys
from collections import Counter

import pytest

from freshet.local.stdlib_docs import StdlibDoc, corpus_key, stdlib_docs
from freshet.schemas.decoding import Rules
from freshet.streams.publisher import prepare


@pytest.fixture(scope="module")
def docs() -> dict[str, StdlibDoc]:
    found = stdlib_docs()
    assert [doc.id for doc in found] == sorted({doc.id for doc in found}), "ordered, and each id once"
    return {doc.id: doc for doc in found}


def test_there_are_thousands_of_every_kind(docs):
    assert len(docs) > 3_000
    kinds = Counter(doc.kind for doc in docs.values())
    assert min(kinds[kind] for kind in ("module", "class", "function", "method", "property")) > 50


@pytest.mark.parametrize(
    ("name", "module", "kind", "says"),
    [
        ("json", "json", "module", "JavaScript Object Notation"),
        ("json.loads", "json", "function", "to a Python object"),
        ("str.split", "builtins", "method", "separator"),
        ("open", "builtins", "function", "Open file"),
        ("math.sqrt", "math", "function", "square root"),
        ("zipfile.ZipFile.extractall", "zipfile", "method", "Extract all members"),
    ],
)
def test_what_people_look_for_is_there(docs, name, module, kind, says):
    doc = docs[name]
    assert (doc.module, doc.kind) == (module, kind)
    assert says in doc.text


@pytest.mark.parametrize(
    "name", ["asyncio.gather", "json.JSONDecoder", "concurrent.futures.Future", "unittest.TestCase"]
)
def test_names_are_those_that_people_import(docs, name):
    assert name in docs


def test_nothing_private_nothing_of_the_tests_and_nothing_trivial(docs):
    assert not [name for name in docs if any(part.startswith("_") for part in name.split("."))]
    skipped = {"test", "tests", "idlelib", "distutils"}
    assert not [name for name, doc in docs.items() if skipped.intersection(doc.module.split("."))]
    assert min(len(doc.text) for doc in docs.values()) >= 20


def test_the_same_text_stands_under_one_of_several_equal_names(docs):
    texts = Counter((name.rpartition(".")[2], doc.text) for name, doc in docs.items())
    assert max(texts.values()) == 1


def test_indentation_of_the_source_is_no_part_of_the_text(docs):
    assert not [name for name, doc in docs.items() if doc.text != doc.text.strip()]
    assert "\n\n``object_hook`` is" in docs["json.load"].text


def test_every_document_makes_a_valid_event(docs):
    for doc in docs.values():
        assert prepare(doc.event(), Rules()).key == doc.id.encode()


def test_some_modules_come_with_the_modules_in_them_and_nothing_else():
    modules = {doc.module for doc in stdlib_docs(["json", "csv"])}
    assert {"json", "json.tool", "csv"} <= modules
    assert {module.partition(".")[0] for module in modules} == {"json", "csv"}


def test_another_selection_is_another_corpus_and_the_order_of_names_does_not_matter():
    assert corpus_key(["json", "csv"]) == corpus_key(["csv", "json"])
    assert len({corpus_key(), corpus_key(["json"]), corpus_key(["csv"])}) == 3


def test_another_process_finds_the_same_and_imports_nothing_of_what_it_reads():
    script = """
import hashlib, sys
from freshet.local.stdlib_docs import stdlib_docs
found = stdlib_docs(["turtle", "csv"])
assert "turtle" not in sys.modules and "tkinter" not in sys.modules
print(hashlib.sha256(repr(found).encode()).hexdigest(), end="")
"""
    digests = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
