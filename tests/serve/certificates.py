"""Certificates of a CA that exists for one test, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

_EXTENSIONS = "subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:{name}.example\n"


class Certificates:
    """In `directory`: ca.pem, and server and client with .pem and .key, all signed by it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._run("req", "-x509", *self._new("ca"), "-out", "ca.pem", "-days", "2")
        self.renew("server")
        self.renew("client")

    def renew(self, name: str) -> None:
        """Another key and certificate of that name."""
        (self.directory / "extensions").write_text(_EXTENSIONS.format(name=name))
        self._run("req", *self._new(name), "-out", f"{name}.csr")
        ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
        self._run(
            "x509", "-req", "-in", f"{name}.csr", *ca, "-extfile", "extensions",
            "-out", f"{name}.pem",
        )  # fmt: skip

    def _new(self, name: str) -> list[str]:
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key"]
        return [*key, "-subj", f"/CN={name}"]

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments], cwd=self.directory, check=True, capture_output=True, timeout=60
        )
