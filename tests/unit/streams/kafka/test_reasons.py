"""Asking several addresses why they let us not in."""

import asyncio

import pytest

from freshet.local.processes import LOOPBACK
from freshet.schemas.errors import DeniedError, TransientError
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.reasons import connecting

ALERT = b"\x15\x03\x03\x00\x02\x02\x28"  # of a listener that expects TLS


async def test_one_that_says_nothing_keeps_nobody_from_hearing_the_others():
    both = asyncio.Barrier(2)

    async def silent(reader, writer):
        await both.wait()
        await reader.read()
        writer.close()

    async def refusing(reader, writer):
        await both.wait()  # so that this fails unless both are asked at once
        await reader.read(1_000)
        writer.write(ALERT)
        writer.close()

    async with (
        await asyncio.start_server(refusing, LOOPBACK, 0) as first,
        await asyncio.start_server(silent, LOOPBACK, 0) as second,
    ):
        ports = [each.sockets[0].getsockname()[1] for each in (first, second)]
        connection = KafkaConnection(",".join(f"{LOOPBACK}:{port}" for port in ports))
        with pytest.raises(DeniedError, match="the listener speaks TLS, and we do not"):
            async with connecting(connection):
                raise TransientError("start", "no broker answers")
