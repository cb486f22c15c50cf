"""`freshet delete`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from freshet.cli.output import counted, print_json, print_line
from freshet.cli.running import publisher, run_quietly, settings
from freshet.cli.waiting import WAIT_SECONDS, Searchable, Wait, WaitSeconds, searchable

if TYPE_CHECKING:
    from freshet.schemas.positions import FreshnessToken


def delete(
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of the documents that end.")],
    *,
    tenant: Annotated[str | None, typer.Option(help="Tenant that they belong to.")] = None,
    version: Annotated[int | None, typer.Option(help="Version of their end, on a topic ordered by version.")] = None,
    wait: Wait = False,
    timeout: WaitSeconds = WAIT_SECONDS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish the end of documents."""
    events = [_event(each, tenant, version) for each in ids]
    tokens, found = run_quietly(_delete(events, timeout if wait else None))
    if json:
        told = [{"id": each, "token": str(token)} for each, token in zip(ids, tokens, strict=True)]
        print_json([each | found.figures for each in told])
    else:
        print_line(f"published the end of {counted(len(ids), 'document')}")
        for each, token in zip(ids, tokens, strict=True):
            print_line(f"  {each}  {token}")
        found.tell()
    found.demand()


def _event(document_id: str, tenant: str | None, version: int | None) -> dict[str, Any]:
    given = {"type": "delete", "id": document_id, "tenant": tenant, "version": version}
    return {name: value for name, value in given.items() if value is not None}


async def _delete(events: list[dict[str, Any]], patience: float | None) -> tuple[list[FreshnessToken], Searchable]:
    async with publisher(settings()) as target:
        tokens = await target.publish_many(events)
        return tokens, Searchable() if patience is None else await searchable(target, tokens, patience)
