"""Bytes that nobody should send. The same seed makes the same bytes."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

_CLOSE: Final = b"Connection: close\r\n"


@dataclass(frozen=True)
class Hostile:
    """What is sent; `silent` when the service may close the connection without a word, for it never got a request."""

    kind: str
    sent: bytes
    silent: bool = False


def hostile(count: int, *, seed: int) -> Iterator[Hostile]:
    """So many inputs, of every family in turn."""
    families = list(_FAMILIES.items())
    for number in range(count):
        name, make = families[number % len(families)]
        yield make(random.Random(f"{seed}/{number}"), name)


def _request(
    method: str, target: str, body: bytes | None = None, *, media: str = "application/json", **headers: str
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    if body is not None:
        lines += [f"Content-Type: {media}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def _somewhere(dice: random.Random) -> tuple[str, str]:
    return dice.choice([("POST", "/search"), ("PUT", "/documents/a")])


def _nested(dice: random.Random, kind: str) -> Hostile:
    method, target = _somewhere(dice)
    depth, opening = dice.choice([17, 100, 1_000, 30_000]), dice.choice([b"[", b'{"a":'])
    deep = opening * depth + (b"" if dice.random() < 0.5 else (b"]" if opening == b"[" else b"1" + b"}") * depth)
    field = dice.choice([b"metadata", b"query", b"text", b"filters"])
    return Hostile(kind, _request(method, target, b'{"text":"a","' + field + b'":' + deep + b"}"))


def _number(dice: random.Random, kind: str) -> Hostile:
    number = dice.choice(
        ["9" * dice.choice([20, 400, 5_000]), "-0", "1e999", "1e-999", "NaN", "-Infinity", "0x10", "1" + "0" * 300]
    )
    name = dice.choice(["limit", "offset", "version", "wait_ms"])
    method, target = _somewhere(dice)
    as_parameter = _request("GET", f"/search?q=a&{name}={number}"), _request("DELETE", f"/documents/a?{name}={number}")
    as_field = _request(method, target, f'{{"query":"a","text":"a","{name}":{number}}}'.encode())
    return Hostile(kind, dice.choice([*as_parameter, as_field, _request("GET", f"/index?{name}={number}")]))


def _controls(dice: random.Random, kind: str) -> Hostile:
    text = "".join(chr(dice.choice([*range(32), 0x7F, 0x200B, 0x202E, 0xFEFF, 0xFFFF, 0x10FFFF])) for _ in range(20))
    body = {"query": text, "text": text, "title": text, dice.choice(["tenant", text]): text}
    method, target = _somewhere(dice)
    escaped = "".join(f"%{byte:02X}" for byte in text.encode("utf-8"))
    by_path = _request("PUT", f"/documents/{escaped}", b'{"text":"a"}')
    return Hostile(
        kind,
        dice.choice(
            [_request(method, target, json.dumps(body).encode()), by_path, _request("GET", f"/search?q={escaped}")]
        ),
    )


def _types(dice: random.Random, kind: str) -> Hostile:
    values: list[Any] = [None, True, 0, -1, 1.5, "", "a", [], [[]], {}, {"a": None}, "a" * 10_000]
    names = ["query", "limit", "offset", "mode", "text", "title", "metadata", "version", "occurred_at", "tenant", "id"]
    body = {name: dice.choice(values) for name in dice.sample(names, dice.randint(1, len(names)))}
    shape = dice.choice([body, [body], values[dice.randrange(len(values))]])
    method, target = _somewhere(dice)
    return Hostile(kind, _request(method, target, json.dumps(shape).encode()))


def _not_utf8(dice: random.Random, kind: str) -> Hostile:
    noise = dice.choice([b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", dice.randbytes(40), b"\xf5\x80\x80\x80", b"\x00"])
    method, target = _somewhere(dice)
    lines = _request("POST", "/documents", noise + b"\n" + noise, media="application/x-ndjson")
    by_path = _request("DELETE", "/documents/" + "".join(f"%{byte:02X}" for byte in noise))
    return Hostile(kind, dice.choice([_request(method, target, b'{"query":"' + noise + b'"}'), lines, by_path]))


def _heads(dice: random.Random, kind: str) -> Hostile:
    big = {"X_Big": "a" * dice.choice([8_000, 9_000, 200_000])}
    many = {f"X_{number}": "a" for number in range(dice.choice([100, 2_000]))}
    long = _request("GET", "/" + "a" * dice.choice([8_000, 100_000]))
    return Hostile(
        kind, dice.choice([_request("GET", "/livez", None, **big), _request("GET", "/livez", None, **many), long])
    )


def _length(dice: random.Random, kind: str) -> Hostile:
    body = b'{"query":"a"}'
    said = dice.choice(["-1", "abc", "1e3", "+13", "13, 13", "13, 14", "0", "5", "99", "9" * 30, " 13 ", "0x0d", ""])
    head = f"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {said}\r\n"
    return Hostile(kind, head.encode() + _CLOSE + b"\r\n" + body)


def _chunks(dice: random.Random, kind: str) -> Hostile:
    body = dice.choice(
        [
            b"zz\r\n{}\r\n0\r\n\r\n",
            b"-5\r\n{}\r\n0\r\n\r\n",
            b"ffffffffffffffffffff\r\n{}\r\n",
            b"5;" + b"a" * 20_000 + b"\r\n{}   \r\n0\r\n\r\n",
            b"2\r\n{}0\r\n\r\n",
            b"2\n{}\n0\n\n",
            b"0\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
            b"",
            dice.randbytes(60),
        ]
    )
    coding = dice.choice(
        ["chunked", "chunked, chunked", "gzip, chunked", "identity", "xchunked", "\x0bchunked", "chunked;q=1"]
    )
    head = (
        f"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: {coding}\r\n"
    )
    return Hostile(kind, head.encode() + _CLOSE + b"\r\n" + body)


def _smuggling(dice: random.Random, kind: str) -> Hostile:
    inner = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    framing = dice.choice(
        [
            b"Content-Length: 13\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            b"Content-Length: 0\r\nContent-Length: 40\r\n",
            b"Content-Length : 0\r\n",
            b"Transfer-Encoding : chunked\r\n",
            b"X: a\r\n Content-Length: 40\r\n",
            b"X: a\nContent-Length: 40\r\n",
            b"X: a\rContent-Length: 40\r\n",
            b"X\x00: a\r\n",
            b"Host: evil.example\r\n",
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        ]
    )
    head = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return Hostile(kind, head + framing + _CLOSE + b"\r\n" + b"0\r\n\r\n" + inner)


def _pipelined(dice: random.Random, kind: str) -> Hostile:
    good = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * dice.choice([1, 3, 30])
    return Hostile(kind, good + dice.choice([dice.randbytes(200) + b"\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"a\r\n\r\n"]))


def _old(dice: random.Random, kind: str) -> Hostile:
    line = dice.choice(
        [
            b"GET /\r\n",
            b"GET / HTTP/0.9\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET  /  HTTP/1.1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ]
    )
    return Hostile(kind, line, silent=True)


def _targets(dice: random.Random, kind: str) -> Hostile:
    method = dice.choice(["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "SEARCH"])
    target = dice.choice(
        [
            "*",
            "//",
            "/..",
            "/documents/../../etc/passwd",
            "/assets/..%2f..%2fapp.py",
            "/assets/%00",
            "/documents/%",
            "/documents/%FF%FE",
            "/documents/",
            "/documents//",
            "/search?%zz=%zz&=&&q",
            "/search?q=" + "%41" * 2_000,
            "http://evil.example/search?q=a",
            "http://[::1/",
            "http://localhost:99999/livez",
            "/livez?" + "a=b&" * 1_000,
            "/" + "%2e%2e/" * 20,
            "\xff\xfe",
        ]
    )
    return Hostile(kind, _request(method, target))


def _media(dice: random.Random, kind: str) -> Hostile:
    body = dice.choice([b"{}", gzip.compress(b" " * 3_000_000), b"not packed", b""])
    packing = dice.choice(["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "nonsense"])
    media = dice.choice(
        ["application/json", "application/json; charset=utf-16", "text/plain", "a/b/c", ";", "application/x-ndjson"]
    )
    return Hostile(
        kind, _request("POST", dice.choice(["/search", "/documents"]), body, media=media, Content_Encoding=packing)
    )


def _lines(dice: random.Random, kind: str) -> Hostile:
    line = dice.choice(
        [b'{"type":"delete","id":"a"}', b'{"type":"nonsense"}', b"{", b"[]", b"null", b"\x00", b'{"type":["upsert"]}']
    )
    body = dice.choice([b"\n", b"\r\n", b"\n\n"]).join([line] * dice.choice([1, 50, 10_001]))
    return Hostile(kind, _request("POST", "/documents", body, media="application/x-ndjson"))


def _slow(dice: random.Random, kind: str) -> Hostile:
    whole = _request("POST", "/search", b'{"query":"a"}')
    cut = dice.choice([dice.randrange(1, len(whole)), len(whole) - dice.randrange(1, 10)])
    return Hostile(kind, whole[:cut], silent=b"\r\n\r\n" not in whole[:cut])


def _noise(dice: random.Random, kind: str) -> Hostile:
    return Hostile(kind, dice.randbytes(dice.choice([1, 10, 5_000])) + b"\r\n\r\n", silent=True)


def _expecting(dice: random.Random, kind: str) -> Hostile:
    name, value = dice.choice(
        [
            ("Expect", "100-continue"),
            ("Expect", "the-impossible"),
            ("Range", "bytes=-1"),
            ("If_None_Match", '"' + "a" * 500),
            ("If_Modified_Since", "yesterday"),
            ("Origin", "\x80"),
            ("X_Request_ID", "\x80<script>"),
            ("Cookie", "a" * 4_000),
            ("Accept", "*/" * 2_000),
            ("Upgrade", "websocket"),
        ]
    )
    target = dice.choice(["/livez", "/", "/assets/style.css", "/search?q=a", "/openapi.json", "/docs"])
    return Hostile(kind, _request("GET", target, None, **{name: value}))


_FAMILIES: Final[dict[str, Callable[[random.Random, str], Hostile]]] = {
    "deep nesting": _nested,
    "numbers": _number,
    "control characters": _controls,
    "wrong types": _types,
    "not UTF-8": _not_utf8,
    "huge heads": _heads,
    "wrong lengths": _length,
    "chunked nonsense": _chunks,
    "smuggling": _smuggling,
    "garbage after requests": _pipelined,
    "old HTTP": _old,
    "methods and targets": _targets,
    "media types": _media,
    "NDJSON": _lines,
    "cut short": _slow,
    "noise": _noise,
    "headers": _expecting,
}
