"""The documentation of Python's standard library, read from the interpreter: a corpus that every machine has.

What is written in Python is parsed, never imported. What is written in C has its documentation in the running
interpreter only, so it is read from modules that do nothing when they are imported.
"""

from __future__ import annotations

import ast
import inspect
import sys
import sysconfig
import types
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

from freshet.schemas.keys import digest

Kind = Literal["module", "class", "function", "method", "property"]
FIELDS: Final = {"module": "keyword", "kind": "keyword"}  # of the metadata, for filters
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

LEAST_CHARACTERS: Final = 20  # what is shorter ("Return self.") answers no question
SKIPPED: Final = frozenset(
    {
        *("antigravity", "dist-packages", "distutils", "encodings", "ensurepip", "idle_test", "idlelib", "lib2to3"),
        *("pydoc_data", "site-packages", "test", "tests", "this", "turtledemo"),
    }
)
IN_C: Final = (
    *("builtins", "array", "binascii", "cmath", "collections", "datetime", "decimal", "errno", "functools", "gc"),
    *("hashlib", "io", "itertools", "json", "math", "operator", "os", "pickle", "random", "re", "select", "signal"),
    *("socket", "sqlite3", "ssl", "struct", "sys", "threading", "time", "unicodedata", "weakref", "zlib"),
)
_METHODS: Final = (types.MethodDescriptorType, types.ClassMethodDescriptorType, types.BuiltinFunctionType)


@dataclass(frozen=True, slots=True)
class StdlibDoc:
    """The documentation of one module, class, function, method or property; `id` is its qualified name.

    That is its title too: tried on two dozen questions, signatures beside the names made the answers worse.
    """

    id: str
    text: str
    module: str
    kind: Kind

    def event(self) -> dict[str, Any]:
        """The event that publishes it."""
        metadata = {"module": self.module, "kind": self.kind}
        return {"type": "upsert", "id": self.id, "title": self.id, "text": self.text, "metadata": metadata}


def stdlib_docs(modules: Collection[str] = ()) -> list[StdlibDoc]:
    """Everything documented, ordered by name, or what belongs to `modules` and the modules in them.

    Takes seconds. The same interpreter always gives the same. What cannot be parsed is left out.
    """
    tops = {module.partition(".")[0] for module in modules}
    found: dict[str, StdlibDoc] = {}
    for doc in (*_docs_in_python(Path(sysconfig.get_path("stdlib")), tops), *_docs_in_c(tops)):
        if len(doc.text) >= LEAST_CHARACTERS:
            found.setdefault(doc.id, doc)
    wanted = tuple(f"{module}." for module in modules)
    docs = (doc for doc in _once(found.values()) if not wanted or f"{doc.module}.".startswith(wanted))
    return sorted(docs, key=lambda doc: doc.id)


def corpus_key(modules: Collection[str] = ()) -> str:
    """What decides what `stdlib_docs` gives: while it stays the same, so do they."""
    return digest(sys.version, Path(__file__).read_text(encoding="utf-8"), *sorted(modules))


def _once(docs: Iterable[StdlibDoc]) -> Iterable[StdlibDoc]:
    """Of names that end alike and have the same text the shortest: `open` for `io.open`."""
    kept: dict[tuple[str, str], StdlibDoc] = {}
    for doc in sorted(docs, key=lambda doc: (doc.id.count("."), doc.id)):
        kept.setdefault((doc.id.rpartition(".")[2], doc.text), doc)
    return kept.values()


def _docs_in_python(folder: Path, tops: Collection[str]) -> Iterator[StdlibDoc]:
    trees = dict(_parsed(folder, tops))
    homes = _public_homes(trees)
    for name, tree in sorted(trees.items()):
        if _is_public(name):
            yield from _doc(name, ast.get_docstring(tree), name, "module")
        for node in tree.body:
            if isinstance(node, Definition):
                home = homes.get((name, node.name)) or (name if _is_public(name) and _offers(tree, node.name) else None)
                if home is not None:
                    yield from _docs_of(node, home, home)


def _parsed(folder: Path, tops: Collection[str]) -> Iterator[tuple[str, ast.Module]]:
    """Modules by name, or those in the packages `tops` and the private ones that may define what these offer."""
    for name, path in _modules(folder):
        if tops and name.partition(".")[0] not in tops and not name.startswith("_"):
            continue
        try:
            with warnings.catch_warnings(action="ignore"):  # of invalid escapes in old files
                yield name, ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue


def _modules(folder: Path, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """The modules in a folder and the packages below it, in the order of their names."""
    for path in sorted(folder.iterdir()):
        name = path.stem
        if name in SKIPPED or not name.isidentifier():
            continue
        if path.suffix == ".py" and name != "__init__":
            yield prefix + name, path
        elif (package := path / "__init__.py").is_file():
            yield prefix + name, package
            yield from _modules(path, f"{prefix}{name}.")


def _public_homes(trees: dict[str, ast.Module]) -> dict[tuple[str, str], str]:
    """By module and name, the module under which people know it: `asyncio` for `gather` of `asyncio.tasks`.

    That is the package which imports it from a part of its own, or whoever imports it from a private module.
    """
    homes: dict[tuple[str, str], str] = {}
    for name in sorted(trees, key=lambda name: (name.count("."), name)):
        for node in trees[name].body if _is_public(name) else ():
            if isinstance(node, ast.ImportFrom):
                source = f"{name}.{node.module}" if node.level else str(node.module)
                if source in trees and (source.startswith(f"{name}.") or not _is_public(source)):
                    for imported in _imported(node, trees[source]):
                        if _offers(trees[name], imported):
                            homes.setdefault((source, imported), name)
    return homes


def _imported(node: ast.ImportFrom, source: ast.Module) -> list[str]:
    names = [alias.name for alias in node.names if alias.asname in (None, alias.name)]
    if names != ["*"]:
        return names
    return [each.name for each in source.body if isinstance(each, Definition) and _offers(source, each.name)]


def _offers(tree: ast.Module, name: str) -> bool:
    """Whether a module means a name for others: it stands in `__all__`, where that is written out."""
    if name.startswith("_"):
        return False
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            try:
                return name in ast.literal_eval(node.value)
            except ValueError:
                return True
    return True


def _docs_of(node: Definition, prefix: str, module: str) -> Iterator[StdlibDoc]:
    """A class with its members, or a function."""
    name, text = f"{prefix}.{node.name}", ast.get_docstring(node)
    if isinstance(node, ast.ClassDef):
        yield from _doc(name, text, module, "class")
        for member in node.body:
            if isinstance(member, Definition) and not member.name.startswith("_"):
                yield from _docs_of(member, name, module)
        return
    decorators = {each.id for each in node.decorator_list if isinstance(each, ast.Name)}
    kind: Kind = "function" if prefix == module else "property" if "property" in decorators else "method"
    yield from _doc(name, text, module, kind)


def _docs_in_c(tops: Collection[str]) -> Iterator[StdlibDoc]:
    for module_name in IN_C:
        if tops and module_name not in tops:
            continue
        try:
            module = import_module(module_name)
        except ImportError:  # an interpreter built without it
            continue
        prefix = "" if module_name == "builtins" else f"{module_name}."
        yield from _doc(module_name, module.__doc__, module_name, "module")
        for name in sorted(getattr(module, "__all__", None) or vars(module)):
            if not name.startswith("_"):
                yield from _object_docs(getattr(module, name, None), prefix + name, module_name)


def _object_docs(value: object, name: str, module: str) -> Iterator[StdlibDoc]:
    if isinstance(value, type) and name.endswith(value.__name__):  # others go by a name of their own
        yield from _doc(name, value.__doc__, module, "class")
        for member_name, member in sorted(vars(value).items()):
            if not member_name.startswith("_") and isinstance(member, _METHODS):
                yield from _doc(f"{name}.{member_name}", member.__doc__, module, "method")
    elif isinstance(value, types.BuiltinFunctionType):
        yield from _doc(name, value.__doc__, module, "function")


def _doc(name: str, text: str | None, module: str, kind: Kind) -> Iterator[StdlibDoc]:
    if text:
        yield StdlibDoc(name, inspect.cleandoc(text).strip(), module, kind)


def _is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))
