"""`freshet delete`"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from freshet.cli.output import counted, print_json, print_line
from freshet.cli.running import publisher, run_quietly, settings


def delete(
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of the documents that end.")],
    *,
    tenant: Annotated[str | None, typer.Option(help="Tenant that they belong to.")] = None,
    version: Annotated[int | None, typer.Option(help="Version of their end, on a topic ordered by version.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish the end of documents."""
    tokens = run_quietly(_delete([_event(each, tenant, version) for each in ids]))
    if json:
        print_json([{"id": each, "token": token} for each, token in zip(ids, tokens, strict=True)])
        return
    print_line(f"published the end of {counted(len(ids), 'document')}")
    for each, token in zip(ids, tokens, strict=True):
        print_line(f"  {each}  {token}")


def _event(document_id: str, tenant: str | None, version: int | None) -> dict[str, Any]:
    given = {"type": "delete", "id": document_id, "tenant": tenant, "version": version}
    return {name: value for name, value in given.items() if value is not None}


async def _delete(events: list[dict[str, Any]]) -> list[str]:
    async with publisher(settings()) as target:
        return [str(token) for token in await target.publish_many(events)]
