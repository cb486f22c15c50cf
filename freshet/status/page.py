"""A status as a page for people, in plain HTML. Everything that is not ours is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from freshet.schemas.http import Health
from freshet.schemas.status import PartitionStatus, SearchStatus, SpreadStatus, Status, WorkerStatus

_TITLES: Final = {"worker": "Worker", "search": "Search service"}
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>{title} – Freshet</title>
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/assets/style.css">
  <script type="module" src="/assets/status.js"></script>
</head>
<body class="status">
  <header><h1>Freshet · {title}</h1> <p>version {version}, <a href="/metrics">metrics</a></p></header>
  <p id="lost" class="bad" role="alert"></p>
  <main>
{main}
  </main>
</body>
</html>
"""


def status_page(status: Status) -> str:
    """The whole page."""
    parts = [*_health(status.health), *_about(status)]
    if status.worker is not None:
        parts += _worker(status.worker)
    if status.search is not None:
        parts += _search(status.search)
    parts += _lag(status.lag)
    title = _TITLES[status.process]
    return _PAGE.format(title=title, version=escape(status.freshet), main="\n".join(parts))


def _health(health: Health) -> Iterator[str]:
    if health.status == "healthy":
        yield '<p class="good">● All checks pass.</p>'
    for name, check in health.checks.items():
        if not check.ok:
            yield f'<p class="bad">● <strong>{escape(name)}</strong>: {escape(check.error or "fails")}</p>'


def _about(status: Status) -> Iterator[str]:
    version = status.index.version or "not known yet"
    yield f"<p>Index <strong>{escape(status.index.name)}</strong>, version {escape(version)}</p>"
    age = _age((status.now - status.started_at).total_seconds())
    yield f"<p>Started {age} ago, at {status.started_at:%F %T} UTC</p>"


def _worker(worker: WorkerStatus) -> Iterator[str]:
    yield f"<p>Consumer group {escape(worker.group)}</p>"
    yield "<h2>Stages</h2>"
    yield _table(
        ("Stage", "Batches waiting", "Batch inside", "Events passed", "Events/s"),
        (
            (
                each.stage,
                str(each.waiting),
                "yes" if each.busy else "–",
                f"{each.events:,}",
                _rate(each.events_per_second),
            )
            for each in worker.stages
        ),
    )
    yield "<h2>Freshness</h2>"
    yield f"<p>{_spread(worker.freshness, 'searchable', 'Nothing was written in the last minute.')}</p>"
    yield "<h2>Events by outcome</h2>"
    yield _counts("Outcome", worker.events)
    yield "<h2>Dead letters by reason</h2>"
    yield _counts("Reason", worker.dead_letters) if any(worker.dead_letters.values()) else "<p>None.</p>"


def _search(search: SearchStatus) -> Iterator[str]:
    if search.following is False:
        yield '<p class="bad">● The change feed is not followed now; nobody can say how fresh answers are.</p>'
    yield "<h2>Searches</h2>"
    yield f"<p>{_rate(search.searches_per_second)} searches/s, {search.in_flight:,} in work</p>"
    yield f"<p>{_spread(search.latency, 'answered', 'Nothing was asked in the last minute.')}</p>"
    yield _counts("Outcome", search.searches)
    if any(search.shed.values()):
        yield "<h2>Searches sent away by reason</h2>"
        yield _counts("Reason", search.shed)
    if any(search.answers.values()):
        yield "<h2>Answers by where they came from</h2>"
        yield _counts("Outcome", search.answers)


def _lag(lag: Sequence[PartitionStatus] | None) -> Iterator[str]:
    yield "<h2>Lag</h2>"
    if lag is None:
        yield "<p>Not known: Kafka does not tell it.</p>"
        return
    yield _table(
        ("Partition", "Events behind", "Oldest of them", "Indexed below", "End"),
        (
            (
                f"{each.topic}/{each.partition}",
                f"{each.events:,}",
                _age(each.seconds) if each.events else "–",
                "–" if each.committed is None else f"{each.committed:,}",
                f"{each.end:,}",
            )
            for each in lag
        ),
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    name = escape(columns[0], quote=True)
    # What is wider than a phone scrolls by itself, with keys too.
    return (
        f'<div class="wide" role="group" aria-label="By {name.lower()}" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _counts(name: str, counts: dict[str, int]) -> str:
    return _table((name, "Since the start"), ((each, f"{count:,}") for each, count in counts.items()))


def _spread(spread: SpreadStatus | None, what: str, none: str) -> str:
    if spread is None:
        return none
    half, most = _short(spread.p50), _short(spread.p99)
    return f"Half were {what} within {half}, 99 of 100 within {most} ({spread.count:,} in the last minute)."


def _short(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"


def _rate(a_second: float) -> str:
    return f"{a_second:,.0f}" if a_second >= 10 or not a_second else f"{a_second:.1f}"


def _age(seconds: float) -> str:
    """In its largest unit, and the next one below."""
    whole = int(seconds)
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{seconds:.0f} s"
