"""A Maven repository on the loopback address, with faults to order."""

import hashlib
import io
import json
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Repository:
    """Serves `files` (name of jar → content). `asked` counts requests; `cut` holds how often a jar still ends early."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.asked: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self.url = ""

    @property
    def remotes(self) -> dict[str, str]:
        return {"test": self.url}

    @contextmanager
    def serving(self) -> Iterator["Repository"]:
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.rsplit("/", 1)[-1]
        self.asked[name] += 1
        content = self.files.get(name)
        if content is None:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if self.cut[name] > 0:
            self.cut[name] -= 1
            content = content[: len(content) // 2]
        request.wfile.write(content)


def write_pins(file: Path, files: Mapping[str, bytes], *, model: str) -> Path:
    """Pins for `files`, named `name-1.0.jar`; the one called `model` is the model's, the others Kafka's."""
    parts: dict[str, list[dict[str, Any]]] = {"kafka": [], "model": []}
    for name, content in files.items():
        pin = {"group": "org.example", "name": name.removesuffix("-1.0.jar"), "version": "1.0", "classifier": ""}
        sizes = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        parts["model" if name == model else "kafka"].append({**pin, **sizes})
    file.write_text(json.dumps(parts))
    return file


def model_jar() -> bytes:
    """A jar like the model's, small."""
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("all-minilm-l6-v2.onnx", b"the network")
        archive.writestr("all-minilm-l6-v2-tokenizer.json", b"{}")
        archive.writestr("dev/Something.class", b"code")
    return jar.getvalue()
