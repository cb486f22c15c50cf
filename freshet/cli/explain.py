"""`freshet explain`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from freshet.cli.explain_text import print_facts, print_remains
from freshet.cli.output import print_json
from freshet.cli.running import connection, run_quietly, settings

if TYPE_CHECKING:
    from freshet.schemas.explain import DocumentFacts
    from freshet.settings import Settings
    from freshet.streams.tracing import Limits

LOOK_BACK = 100_000


def explain(
    document_id: Annotated[str, typer.Argument(metavar="ID", help="The document's id.")],
    *,
    tenant: Annotated[str | None, typer.Option(help="Its tenant, where there are some.")] = None,
    passages: Annotated[bool, typer.Option("--passages", help="Also print the texts of its passages.")] = False,
    erasure: Annotated[
        bool, typer.Option("--erasure", help="Tell what is left of a deleted document, where, and until when.")
    ] = False,
    look_back: Annotated[
        int, typer.Option(min=0, max=100_000_000, metavar="EVENTS", help="Look through so many events of each topic.")
    ] = LOOK_BACK,
    seconds: Annotated[float, typer.Option(min=1, max=3_600, help="Look through the log for so long.")] = 10.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the texts of its passages.")] = False,
) -> None:
    """Where a document is: since when searches find it and what that took, or why they do not.

    The log is looked through from its newest event backwards; what was not looked at is told. Exit code 1 where nothing
    is known of the document.
    """
    from freshet.streams.tracing import Limits

    given = settings()
    _demand_tenant(given, tenant)
    limits = Limits(offsets=look_back, seconds=seconds)
    if erasure:
        _tell_what_is_left(given, document_id, tenant, limits, json=json)
        return
    facts = run_quietly(_explain(given, document_id, tenant, limits, texts=passages or json))
    if json:
        print_json(facts.model_dump(mode="json"))
    else:
        print_facts(facts)


def _tell_what_is_left(given: Settings, document_id: str, tenant: str | None, limits: Limits, *, json: bool) -> None:
    from freshet.wiring.erasure import find_remains
    from freshet.wiring.parts import fetch_model

    if given.redis.url is not None:  # what lies there is found by the model's way to cut texts
        fetch_model(given)
    facts = run_quietly(find_remains(given, connection(given), document_id, tenant, limits=limits))
    if json:
        print_json(facts.model_dump(mode="json"))
    else:
        print_remains(facts)


def _demand_tenant(given: Settings, tenant: str | None) -> None:
    if given.tenants and tenant is None:
        raise typer.BadParameter("tenants are on, so every document is one of a tenant: name it with --tenant")
    if not given.tenants and tenant is not None:
        raise typer.BadParameter("tenants are off, so a document has none", param_hint="--tenant")


async def _explain(
    given: Settings, document_id: str, tenant: str | None, limits: Limits, *, texts: bool
) -> DocumentFacts:
    from contextlib import AsyncExitStack
    from functools import partial

    from freshet.search.index.qdrant.versions import QdrantVersions
    from freshet.wiring.explain import explainer, price
    from freshet.wiring.parts import qdrant_client

    async with AsyncExitStack() as stack:
        client = qdrant_client(given, stack)
        versions = QdrantVersions(client, index=given.index)
        tells = explainer(
            given,
            client=client,
            versions=versions,
            connection=connection(given),
            limits=limits,
            price=partial(price, given),
        )
        return await tells.explain(document_id, tenant, texts=texts)
