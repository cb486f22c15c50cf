"""An authority of our own, which lives as long as a test's folder."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A certificate, its key, and both in one file, all PEM."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """`authority.ca` is what to trust; `authority.issue("kafka")` makes a certificate for this machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.ca, self._key = folder / "ca.pem", folder / "ca.key"
        extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
        _make("Tests", self.ca, self._key, extensions)

    def issue(self, name: str, *, hosts: str = "IP:127.0.0.1,DNS:localhost") -> Pair:
        """A certificate of that common name for these hosts."""
        certificate, key, both = (self._folder / f"{name}{end}" for end in (".pem", ".key", ".both.pem"))
        extensions = ("basicConstraints=critical,CA:FALSE", f"subjectAltName={hosts}")
        _make(name, certificate, key, extensions, "-CA", str(self.ca), "-CAkey", str(self._key))
        both.write_text(key.read_text() + certificate.read_text() + self.ca.read_text())
        return Pair(certificate, key, both)


def _make(name: str, certificate: Path, key: Path, extensions: tuple[str, ...], *options: str) -> None:
    added = [part for extension in extensions for part in ("-addext", extension)]
    files = ["-keyout", str(key), "-out", str(certificate)]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command = ["openssl", "req", "-x509", *curve, *files, "-days", "2", "-subj", f"/CN={name}", *added, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
