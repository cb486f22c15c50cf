"""The process of the local engine: `python -m freshet.local.qdrant --folder DIR --port N`.

The key that clients must send comes in the environment, FRESHET_LOCAL_QDRANT_KEY. When it can be asked, one line of
JSON, `{"url": …}`, goes to standard output; the log goes to standard error. SIGTERM, SIGINT and, with
`--end-with-parent`, the end of standard input end it in order. Exit codes: 0 ended, 1 cannot serve, 2 usage.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from aiohttp import web

from freshet.local.qdrant.server import make_app
from freshet.local.qdrant.store import Store, StoreError
from freshet.local.qdrant.upkeep import Upkeep

HOST = "127.0.0.1"
KEY = "FRESHET_LOCAL_QDRANT_KEY"
GRACE_SECONDS = 2.0
"""What requests in flight get at the end."""


def main() -> None:
    arguments = _arguments()
    key = os.environ.get(KEY)
    if not key:
        sys.exit(f"set {KEY} to the key that clients must send")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        listener = socket.create_server((HOST, arguments.port))
        store = Store(arguments.folder)
    except OSError as error:
        sys.exit(f"cannot serve {arguments.folder} at {HOST}:{arguments.port}: {error}")
    except StoreError as error:
        sys.exit(str(error))
    try:
        asyncio.run(_serve(store, listener, key=key, end_with_parent=arguments.end_with_parent))
    finally:
        store.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m freshet.local.qdrant", description="Freshet's local engine")
    parser.add_argument("--folder", type=Path, required=True, help="where the collections lie")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 for any free one")
    parser.add_argument("--end-with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args()


async def _serve(store: Store, listener: socket.socket, *, key: str, end_with_parent: bool) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if end_with_parent:
        threading.Thread(target=_watch_stdin, args=(loop, ended), daemon=True).start()
    upkeep = Upkeep(store)
    app = make_app(store, api_key=key, asked=upkeep.asked)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    keeping = asyncio.create_task(upkeep.run())
    print(json.dumps({"url": f"http://{HOST}:{listener.getsockname()[1]}"}), flush=True)  # noqa: T201
    await ended.wait()
    keeping.cancel()
    await runner.cleanup()


def _watch_stdin(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended by itself
        loop.call_soon_threadsafe(ended.set)


if __name__ == "__main__":
    main()
