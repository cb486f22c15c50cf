"""Records that nobody should publish, to both topics of a worker. The same seed makes the same records."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Header = tuple[str, bytes | None]
_INT64: Final = 2**63
_NUMBERS: Final = [
    *("1e400", "-1e400", "1e-999", "NaN", "Infinity", "-Infinity", "-0", "0x10", "01", "1.", "+1", "1e", "1_000"),
    *(str(10**400), "9" * 5_000, "1" + "0" * 300, str(_INT64), str(_INT64 - 1), str(-_INT64 - 1), str(2**64), "1.0"),
]
_STRANGE: Final = [
    *("\x00", "\x1f", "\x7f", "\u200b", "\u202e", "\ufeff", "\uffff", "\U0010ffff", "\u2028", "\x85", "e\u0301", "ﬁ"),
    *("𝒳", "🏳️‍🌈", "ß", "İ", "a", " ", "\n", "\t", "/", ".", '"', "\\"),
]
_KINDS: Final = ["created", "com.example.doc.updated.v1", "", "\x00", "com.example.deleted"]


@dataclass(frozen=True)
class Fuzzed:
    """A record for the documents topic, or for its `again` topic; `partition` where the key must not decide it."""

    kind: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    again: bool = False
    partition: int | None = None


def fuzzed(count: int, *, seed: int, topic: str, partitions: int) -> Iterator[Fuzzed]:
    """So many records, of every family in turn. `topic` is that of the documents, `partitions` how many it has.

    Their documents are their own: none of them is an event of another document.
    """
    families = list(_FAMILIES.items())
    for number in range(count):
        name, make = families[number % len(families)]
        yield make(Dice(f"{seed}/{number}", name, f"fuzz-{number}", topic, partitions))


class Dice(random.Random):
    """Chance, and what the record in the making is called."""

    def __init__(self, seed: str, kind: str, name: str, topic: str, partitions: int) -> None:
        super().__init__(seed)
        self.kind, self.name, self.topic, self.partitions = kind, name, topic, partitions

    def event(self, **fields: Any) -> dict[str, Any]:
        return {"type": "upsert", "id": self.name, "text": f"fuzz {self.name}", "version": 5, **fields}

    def record(self, value: bytes | None, headers: tuple[Header, ...] = (), key: bytes | None = b"-") -> Fuzzed:
        return Fuzzed(self.kind, self.name.encode() if key == b"-" else key, value, headers)

    def strange(self, most: int = 20) -> str:
        return "".join(self.choice(_STRANGE) for _ in range(self.randint(0, most)))


def _bytes(dice: Dice) -> Fuzzed:
    key = dice.choice([b"-", dice.randbytes(dice.randint(1, 40))])
    return dice.record(dice.randbytes(dice.choice([0, 1, 5, 100, 5_000])), key=key)


def _mutated(dice: Dice) -> Fuzzed:
    """A good event with some of its bytes changed, taken out, repeated or put elsewhere."""
    value = bytearray(json.dumps(dice.event(title="T", metadata={"n": [1, 2.5, None, {"a": "ß"}]})).encode())
    for _ in range(dice.randint(1, 4)):
        at, length = dice.randrange(len(value) + 1), dice.randint(1, 8)
        part = bytes(value[at : at + length])
        match dice.randrange(5):
            case 0:
                value[at : at + 1] = dice.randbytes(1)
            case 1:
                del value[at : at + length]
            case 2:
                value[at:at] = part * dice.randint(1, 3)
            case 3:
                value[at:at] = dice.choice(
                    [b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\\u0000", b'"', b"}", b","]
                )
            case _:
                del value[at:]
    return dice.record(bytes(value))


def _deep(dice: Dice) -> Fuzzed:
    depth, opening = dice.choice([15, 16, 17, 130, 1_000, 30_000]), dice.choice(["[", '{"a":'])
    close = ("]" if opening == "[" else "1}" + "}" * (depth - 1)) if dice.random() < 0.7 else ""
    deep = opening * depth + (close * depth if opening == "[" else close)
    field = dice.choice(["metadata", "text", "id", "more"])
    inside = f'{{"a":{deep}}}' if field == "metadata" else deep
    return dice.record(f'{{"type":"upsert","id":"{dice.name}","text":"t","version":5,"{field}":{inside}}}'.encode())


def _huge(dice: Dice) -> Fuzzed:
    size = dice.choice([3_000, 30_000, 30_000, 100_000, 1_005_000 if dice.random() < 0.2 else 10_000])
    match dice.randrange(6):
        case 0:
            return dice.record(json.dumps(dice.event(text="a " * (size // 20) + "x" * (size * 9 // 10))).encode())
        case 1:
            return dice.record(json.dumps(dice.event(metadata={f"k{n}": n for n in range(size // 20)})).encode())
        case 2:
            return dice.record(json.dumps(dice.event(metadata={"k" * (size // 2): "v" * (size // 2)})).encode())
        case 3:
            return dice.record(json.dumps(dice.event(title="t" * dice.choice([2_000, 2_001, size]))).encode())
        case 4:
            return dice.record(json.dumps(dice.event(metadata={"list": [[]] * (size // 4)})).encode())
        case _:
            return dice.record(b" " * (size // 2) + json.dumps(dice.event()).encode() + b"\n" * (size // 2))


def _numbers(dice: Dice) -> Fuzzed:
    number = dice.choice(_NUMBERS)
    field = dice.choice(["version", "metadata", "text", "occurred_at", "id", "more", "title", "type"])
    inside = dice.choice([f'{{"n":{number}}}', f'{{"n":[{{"m":{number}}}]}}']) if field == "metadata" else number
    base = json.dumps(dice.event())[:-1]
    return dice.record(f'{base},"{field}":{inside}}}'.encode())


def _moments(dice: Dice) -> Fuzzed:
    moment = dice.choice(_MOMENTS)
    return dice.record(json.dumps(dice.event(occurred_at=moment)).encode())


_MOMENTS: Final = [
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "0000-01-01T00:00:00Z", "now", "", 10**18),
    *(-1, 1e300, "2026-02-30T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T12:00:60Z", "2026-11-20", None, True),
    *("1969-12-31T23:59:59.5Z", "2026-11-20T12:00:00+99:99", "+12345-01-01T00:00:00Z", "9" * 400),
]


_WRONG: Final[list[Any]] = [None, True, 0, -1, 1.5, "", "a", [], [[]], {}, {"a": None}, ["a"], "upsert", "delete"]


def _types(dice: Dice) -> Fuzzed:
    wrong = dice.choice([*_WRONG, dice.name])
    field = dice.choice(["type", "id", "text", "title", "metadata", "version", "occurred_at", "tenant"])
    whole = dice.choice([wrong, [dice.event()], json.dumps(dice.event())])
    return dice.record(json.dumps(dice.event(**{field: wrong}) if dice.random() < 0.8 else whole).encode())


def _duplicates(dice: Dice) -> Fuzzed:
    """Fields that stand twice, in the event and in its metadata; the last one counts."""
    fields = [f'"{name}":{json.dumps(value)}' for name, value in dice.event(metadata={"a": 1}).items()]
    more = [
        '"id":"another"',
        '"type":"delete"',
        '"type":"patch"',
        '"text":"b"',
        '"text":null',
        '"metadata":{"a":1,"a":2}',
    ]
    fields += dice.sample(more, dice.randint(1, 3))
    dice.shuffle(fields)
    return dice.record(f"{{{','.join(fields)}}}".encode())


def _text(dice: Dice) -> Fuzzed:
    """Characters that are allowed and rare, or written as escapes that are none."""
    event = dice.event(text=dice.strange(400), title=dice.strange(), metadata={dice.strange(): dice.strange()})
    value = json.dumps(event, ensure_ascii=dice.random() < 0.5)
    if dice.random() < 0.5:
        value = value.replace('"text": "', f'"text": "{dice.choice(_ESCAPES)}')
    return dice.record(value.encode())


_ESCAPES: Final = [r"\ud800", r"\udc00x", r"\ud800\ud800", r"\u0000", r"\u00", r"\x41", r"\ud83d\ude00", r"\U0001F600"]


def _encodings(dice: Dice) -> Fuzzed:
    text = json.dumps(dice.event(text="größe ﬁ 🏳️‍🌈"), ensure_ascii=False)
    ways: list[Callable[[], bytes]] = [
        lambda: text.encode("utf-8-sig"),
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-32"),
        lambda: text.encode("utf-7"),
        lambda: text.encode("latin-1", "replace"),
        lambda: text.replace("g", "\ud800").encode("utf-8", "surrogatepass"),
        lambda: gzip.compress(text.encode(), mtime=0),
        lambda: b"\x00\x00\x00\x00\x07" + text.encode(),
        lambda: text.encode() + dice.choice([b"\x00", b"{}", b" ", b"\xff", text.encode()]),
        lambda: text.encode().replace(b"f", b"\xc1\xa6"),
    ]
    return dice.record(dice.choice(ways)())


def _keys(dice: Dice) -> Fuzzed:
    """Keys that name no document, or a strange one; with the event that they would name, another, or a null.

    A broker takes no record without a key into a compacted topic.
    """
    name = dice.strange() + dice.name
    keys = [b"", b"\xff" + dice.name.encode(), b"\xed\xa0\x80", name.encode(), dice.name.encode() * 40]
    key = dice.choice([*keys, b"k" * dice.choice([511, 513, 20_000]), "é".encode() * 256, name.encode("utf-16")])
    named = key.decode("utf-8", "replace")
    value = dice.choice([None, json.dumps(dice.event(id=named)).encode(), json.dumps(dice.event()).encode()])
    return dice.record(value, key=key)


def _headers(dice: Dice) -> Fuzzed:
    """Good and bad events under headers that say something else."""
    names = ["ce_specversion", "ce_type", "ce_id", "ce_source", "ce_datacontenttype", "ce_", "content-type", "origin"]
    names += ["reason", "null", "state", "version", "", dice.strange(), "h" * 3_000]
    values = [None, b"", b"1.0", b"\xff\xfe", dice.randbytes(30), b"x" * 5_000, dice.choice(_KINDS).encode()]
    values += [b"application/cloudevents+json", b"application/avro", f"{dice.topic}/0@1".encode()]
    headers = tuple((dice.choice(names), dice.choice(values)) for _ in range(dice.choice([1, 3, 10, 200])))
    return dice.record(dice.choice([json.dumps(dice.event()).encode(), b"{", None, b""]), headers)


def _again(dice: Dice) -> Fuzzed:
    """Records of `documents.again` whose headers, keys and values fit together or don't."""
    partition = dice.randrange(dice.partitions)
    origin = dice.choice(_origins(dice.topic, partition)).encode("utf-8", "surrogatepass")
    said = {"origin": origin, "reason": b"retried", "attempts": b"2", "timestamp": b"1700000000000", "version": b"5"}
    headers: list[Header] = [(name, value) for name, value in said.items() if dice.random() < 0.95]
    odd: list[bytes | None] = [
        None,
        b"",
        b"x",
        b"-1",
        b"1.5",
        b"\xff",
        b"9" * 18,
        b"9" * 19,
        "٣".encode(),
        b"healed",
        b"reinstated",
    ]
    headers += [(name, dice.choice(odd)) for name in dice.sample(list(said), dice.choice([0, 0, 1, 2]))]
    headers += [("null", b"1")] if dice.random() < 0.2 else []
    fits = dice.name.encode() + b"\n" + origin
    key = dice.choice([fits, fits, fits, dice.name.encode(), b"\n", b"\n" + origin, b"\xff\n" + origin])
    value = dice.choice([json.dumps(dice.event()).encode(), b"", None, b"{", dice.randbytes(20)])
    return Fuzzed(dice.kind, key, value, tuple(headers), again=True, partition=partition)


def _origins(here: str, partition: int) -> list[str]:
    good = [f"{here}/{partition}@{offset}" for offset in (0, 1, 7, 2**31, 2**53, _INT64 - 1, _INT64, 10**19 - 1)]
    return [
        *good,
        f"{here}/{10**9}@1",
        f"other/{partition}@1",
        f"{here}/{partition}@-1",
        f"{here}@1",
        "",
        "\ud800",
        "/@",
    ]


_FAMILIES: Final[dict[str, Callable[[Dice], Fuzzed]]] = {
    "bytes": _bytes,
    "mutated": _mutated,
    "deep": _deep,
    "huge": _huge,
    "numbers": _numbers,
    "moments": _moments,
    "types": _types,
    "duplicates": _duplicates,
    "text": _text,
    "encodings": _encodings,
    "keys": _keys,
    "headers": _headers,
    "again": _again,
}
