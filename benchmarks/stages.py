"""Where a worker's time goes, from its own metrics."""

from __future__ import annotations

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from freshet.local.stack import LocalStack


async def stage_seconds(stack: LocalStack) -> dict[str, float]:
    """Seconds that batches have been in each stage so far."""
    async with aiohttp.ClientSession() as session, session.get(f"{stack.worker_url}/metrics") as answer:
        text = await answer.text()
    return {
        sample.labels["stage"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "freshet_stage_seconds_sum"
    }
