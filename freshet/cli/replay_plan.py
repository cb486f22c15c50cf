"""`freshet replay plan`"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freshet.cli.output import print_json, print_line, print_table
from freshet.cli.progress import progress_bar
from freshet.cli.running import run_quietly, settings

if TYPE_CHECKING:
    from freshet.streams.forecast.estimating import Estimate, Span
    from freshet.streams.forecast.forecast import Forecast
    from freshet.wiring.plan import Plan

SHORT: Final = 60  # seconds
Row = tuple[str, str, str]


def plan(*, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """What building the version that the settings describe will take, before anything is made.

    The log is read once and a sample of its documents is looked at closely; the model is measured on some of their
    texts. Nothing is changed.
    """
    from freshet.wiring.parts import fetch_model
    from freshet.wiring.plan import plan as find_out

    given = settings()
    fetch_model(given)
    found = run_quietly(find_out(given, bar=progress_bar))
    if json:
        print_json(_as_json(found))
    else:
        _print(found)


def _print(plan: Plan) -> None:
    print_line(f"the settings describe {plan.version}, which {_standing(plan)}")
    if plan.differences:
        rows = [(each.part.value, each.live, each.settings, each.part.meaning) for each in plan.differences]
        print_table(("differs", "live", "settings", "what that means"), rows)
    elif plan.live is not None:
        print_line("it differs in nothing from the live version")
    if plan.demands_generation:
        print_line("another topic wants a version of its own: set FRESHET_GENERATION to another number")
    if plan.forecast is not None:
        print_table(("a build", "", "range"), _rows(plan.forecast, plan.usd_per_million_tokens), right=("", "range"))
        print_line(f"estimated from {plan.forecast.sampled:,} of {plan.forecast.totals.documents:,} documents")
    if plan.live is None:
        print_line("there is no version yet to build it beside; make it with: freshet worker")


def _standing(plan: Plan) -> str:
    if plan.live == plan.version:
        return "is live: there is nothing to build"
    there = "is not there yet" if plan.state is None else f"is {plan.state.value}"
    return f"{there}; live is {plan.live}" if plan.live is not None else f"{there}; none is live"


def _rows(forecast: Forecast, price: float) -> Iterator[Row]:
    totals, times, measured = forecast.totals, forecast.times, forecast.measured
    yield "events", f"{totals.events + totals.again:,}", ""
    yield "dead letters", f"{totals.dead:,}", ""
    yield "documents", f"{totals.live:,}", ""
    yield _estimated("passages", forecast.passages)
    yield _estimated("tokens", forecast.tokens)
    yield _estimated("  in the embedding cache", forecast.cached)
    yield _estimated("  in the live version", forecast.taken)
    yield _estimated("  to be embedded", forecast.embed)
    if round(forecast.replaced):
        yield "  with other batches", f"up to {forecast.replaced:,.0f} more", ""
    if price:
        yield "USD", f"{forecast.usd.value:,.2f}", f"{forecast.usd.low:,.2f} to {forecast.usd.high:,.2f}"
    if measured is not None:
        slow, usual, fast = measured.pace.quartiles
        yield "tokens a second", f"{usual:,.0f}", f"{slow:,.0f} to {fast:,.0f}"
    yield _spanned("time", times.whole, _duration)
    yield _spanned("  reading", times.reading, _duration)
    yield _spanned("  cutting into passages", times.splitting, _duration)
    yield _spanned("  embedding", times.embedding, _duration)
    yield _spanned("  writing", times.writing, _duration)
    yield _spanned("disk", forecast.disk, _size)


def _estimated(name: str, found: Estimate) -> Row:
    return name, f"{found.value:,.0f}", f"{found.low:,.0f} to {found.high:,.0f}" if round(found.error) else ""


def _spanned(name: str, span: Span, told: Callable[[float], str]) -> Row:
    low, likely, high = map(told, span)
    return name, likely, f"{low} to {high}" if low != high else ""


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < SHORT else str(timedelta(seconds=round(seconds)))


def _size(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"


def _as_json(plan: Plan) -> dict[str, Any]:
    return {
        "version": plan.version,
        "state": plan.state,
        "live": plan.live,
        "differences": [
            {"part": each.part.value, "live": each.live, "settings": each.settings} for each in plan.differences
        ],
        "forecast": None if plan.forecast is None else _forecast_as_json(plan.forecast),
    }


def _forecast_as_json(forecast: Forecast) -> dict[str, Any]:
    totals, times, measured = forecast.totals, forecast.times, forecast.measured
    return {
        "events": totals.events,
        "again": totals.again,
        "dead_letters": totals.dead,
        "documents": totals.live,
        "sampled_documents": forecast.sampled,
        "passages": _estimate_as_json(forecast.passages),
        "tokens": {
            "all": _estimate_as_json(forecast.tokens),
            "in_cache": _estimate_as_json(forecast.cached),
            "in_live_version": _estimate_as_json(forecast.taken),
            "to_embed": _estimate_as_json(forecast.embed),
            "more_with_other_batches": round(forecast.replaced),
        },
        "usd": forecast.usd._asdict(),
        "tokens_per_second": None if measured is None else list(measured.pace.quartiles),
        "tokens_measured": 0 if measured is None else measured.tokens,
        "seconds": {
            "reading": times.reading._asdict(),
            "splitting": times.splitting._asdict(),
            "embedding": times.embedding._asdict(),
            "writing": times.writing._asdict(),
            "all": times.whole._asdict(),
        },
        "disk_bytes": {name: round(size) for name, size in forecast.disk._asdict().items()},
    }


def _estimate_as_json(found: Estimate) -> dict[str, int]:
    """In whole pieces, with the standard error."""
    return {"value": round(found.value), "error": round(found.error)}
