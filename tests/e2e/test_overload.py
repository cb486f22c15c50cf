"""A real service with room for few: what is too much is sent away at once, and afterwards all is as before."""

import asyncio
import re

import aiohttp

CLIENTS = 64
SEARCHES = 5


async def test_under_far_too_many_searches_each_is_answered_or_told_when_to_come_again(road, started):
    await started(road.worker())
    search = await started(road.search(FRESHET_SEARCH__MAX_IN_FLIGHT="2", FRESHET_SEARCH__LOG_REQUESTS="true"))
    async with road.publisher() as publisher:
        await publisher.upsert("kb-1", "Sour coffee: grind it finer.", title="Taste")
    await road.found_first("why does the coffee taste sour", "kb-1")

    async def ask(session: aiohttp.ClientSession, query: str) -> int:
        async with session.post(f"{road.url}/search", json={"query": query}) as answer:
            body = await answer.json()
            if answer.status == 200:
                assert body["results"][0]["id"] == "kb-1"
            else:
                assert (answer.status, body["type"]) == (503, "/problems/overloaded")
                assert 1 <= int(answer.headers["Retry-After"]) <= 10
            return answer.status

    async def client(session: aiohttp.ClientSession, number: int) -> list[int]:
        return [await ask(session, f"sour coffee {number} {each}") for each in range(SEARCHES)]

    async def probes() -> list[int]:
        return [(await search.probe("/livez"))[0] for _ in range(5)]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        work = asyncio.gather(*(client(session, number) for number in range(CLIENTS)))
        assert await probes() == [200] * 5
        statuses = [status for each in await work for status in each]
        assert len(statuses) == CLIENTS * SEARCHES
        assert set(statuses) == {200, 503}
        assert await ask(session, "sour coffee afterwards") == 200

    shed = await search.metric("freshet_search_shed_total")
    assert sum(shed.values()) == statuses.count(503)
    assert (await search.metric("search_requests_total"))["shed"] == statuses.count(503)

    assert await search.metric("freshet_search_in_flight") == {"": 0}
    log = search.log.read_text()
    lines = re.findall(
        r"request action=request method=POST route=/search status=503 ms=[\d.]+ request_id=\w{32}\n", log
    )
    assert len(lines) >= statuses.count(503)
    assert "coffee" not in log
