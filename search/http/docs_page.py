"""OpenAPI as a page for people, in plain HTML without scripts. Everything in it is escaped."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

from freshet.search.http.problems import Kind
from freshet.search.http.schema_words import Json, name_of, words

HERE: Final = "http://service.invalid"  # where the address of the service goes in examples
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>API – Freshet</title>
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/assets/style.css">
</head>
<body class="api">
  <a class="skip" href="#main">To the operations</a>
  <header>
    <h1>Freshet · API</h1>
    <p>version {version}, <a href="/openapi.json">OpenAPI</a>, <a href="/">search</a></p>
  </header>
  <nav aria-label="Contents">
{contents}
  </nav>
  <main id="main">
{main}
  </main>
</body>
</html>
"""


def docs_page(document: Json) -> str:
    """The whole page; put the address of the service in the place of HERE."""
    operations, shared = list(_operations(document)), document["components"]["responses"]
    parts = [_text(document["info"]["description"])]
    parts += [part for path, method, each in operations for part in _operation(path, method, each, shared)]
    parts += ['<h2 id="bodies">Bodies</h2>']
    parts += [
        part for name, schema in sorted(document["components"]["schemas"].items()) for part in _schema(name, schema)
    ]
    parts += ['<h2 id="problems">Problems</h2>', _text("Every error is one of these; `type` is stable, texts are not.")]
    parts += [_problems()]
    version = escape(document["info"]["version"])
    return _PAGE.format(version=version, contents=_contents(operations), main="\n".join(parts))


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _contents(operations: Sequence[tuple[str, str, Json]]) -> str:
    links = [
        f'<li><a href="#{escape(each["operationId"])}"><code>{method} {escape(path)}</code></a> '
        f"{_words(each['summary'])}</li>"
        for path, method, each in operations
    ]
    rest = '<li><a href="#bodies">Bodies</a></li><li><a href="#problems">Problems</a></li>'
    return f"<ul>{''.join(links)}{rest}</ul>"


def _operation(path: str, method: str, operation: Json, shared: Json) -> Iterator[str]:
    yield f'<h2 id="{escape(operation["operationId"])}"><code>{method} {escape(path)}</code></h2>'
    yield _text(operation["summary"])
    yield _text(operation.get("description", ""))
    if parameters := operation.get("parameters"):
        rows = (
            (_code(each["name"]), *_field(each["schema"], each["required"], each["description"])) for each in parameters
        )
        yield _table(f"Parameters of {method} {path}", ("Parameter", "Value", "Default", "Meaning"), rows)
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body, {_code(media)}: {words(content['schema'].get('contentSchema', content['schema']))}</p>"
    example = _curl(path, method, operation)
    label = f"Example of {method} {escape(path)}"
    yield f'<pre tabindex="0" role="group" aria-label="{label}"><code>{escape(example)}</code></pre>'
    yield _table(f"Answers of {method} {path}", ("Status", "Body"), _answers(operation["responses"], shared))


def _answers(responses: Json, shared: Json) -> Iterator[tuple[str, str]]:
    for status, response in sorted(responses.items()):
        if "$ref" in response:
            yield escape(status), _kinds(shared[response["$ref"].rpartition("/")[2]])
        else:
            schemas = [content["schema"] for content in response["content"].values()]
            yield escape(status), " or ".join(map(words, schemas))


def _kinds(response: Json) -> str:
    [content] = response["content"].values()
    types = content["schema"]["properties"]["type"]["enum"]
    return "<br>".join(f"{_code(kind.type)} {escape(kind.title)}" for kind in Kind if kind.type in types)


def _curl(path: str, method: str, operation: Json) -> str:
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            path = path.replace("{" + each["name"] + "}", "handbook/travel.rst")
    query = {each["name"]: each["example"] for each in operation.get("parameters", ()) if "example" in each}
    address = f"{HERE}{path}" + (f"?{urlencode(query)}" if query else "")
    command = ["curl", *([] if method == "GET" else ["-X", method]), address]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        body = content.get("example", {})
        command += ["-H", f"Content-Type: {media}"]
        command += ["--data-binary", body] if isinstance(body, str) else ["-d", json.dumps(body)]
    return shlex.join(command)


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield f'<h3 id="{escape(name_of(name))}">{escape(name)}</h3>'
    yield _text(schema.get("description", ""))
    if "enum" in schema:
        yield f"<p>{words(schema)}</p>"
    required = schema.get("required", ())
    rows = (
        (_code(field), *_field(given, field in required, given.get("description", "")))
        for field, given in schema.get("properties", {}).items()
    )
    if schema.get("properties"):
        yield _table(f"Fields of {name}", ("Field", "Value", "Default", "Meaning"), rows)


def _field(schema: Json, required: bool, about: str) -> tuple[str, str, str]:
    default = schema.get("default")
    told = "required" if required else "–" if default is None else _code(json.dumps(default))
    return words(schema), told, _words(about)


def _problems() -> str:
    rows = ((str(kind.status), _code(kind.type), escape(kind.title)) for kind in Kind)
    return _table("Problems", ("Status", "Type", "Title"), rows)


def _table(name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    # What is wider than a phone scrolls by itself, with keys too.
    return (
        f'<div class="wide" role="group" aria-label="{escape(name)}" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _text(text: str) -> str:
    return "".join(f"<p>{_words(each)}</p>" for each in text.split("\n\n") if each)


def _words(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _code(text: Any) -> str:
    return f"<code>{escape(str(text))}</code>"
