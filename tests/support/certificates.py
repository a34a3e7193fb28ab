"""Real PEM files, made by OpenSSL."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# OpenSSL's own `ca` is what takes any two dates; it wants a file that says what it may sign.
_CA = """\
[ca]
default_ca = this
[this]
database = {folder}/index
rand_serial = yes
new_certs_dir = {folder}
policy = any
default_md = sha256
[any]
commonName = supplied
"""
_PAST, _START, _END = "20010101000000Z", "20250101000000Z", "20990101000000Z"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.pair = Pair(folder / "ca.pem", folder / "ca.key")
        (folder / "index").touch()
        (folder / "ca.cnf").write_text(_CA.format(folder=folder))
        openssl(
            *"req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 9000".split(),
            *("-keyout", self.pair.key, "-out", self.pair.certificate, "-subj", f"/CN={name}"),
        )

    def issue(
        self, name: str, alternatives: str = "", *, expired: bool = False, use: str = ""
    ) -> Pair:
        """A certificate for the common name ``name``, with its key.

        ``alternatives`` as OpenSSL writes them, such as ``DNS:localhost,IP:127.0.0.1``; ``use`` is
        what it may be used for alone, such as ``clientAuth``.
        """
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        openssl(
            *"req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256".split(),
            *("-keyout", pair.key, "-out", request, "-subj", f"/CN={name}"),
        )
        lines = ["basicConstraints = CA:FALSE"]
        lines += [f"subjectAltName = {alternatives}"] if alternatives else []
        lines += [f"extendedKeyUsage = {use}"] if use else []
        extensions.write_text("\n".join(lines))
        openssl(
            *("ca", "-batch", "-notext", "-config", self._folder / "ca.cnf"),
            *("-cert", self.pair.certificate, "-keyfile", self.pair.key),
            *("-extfile", extensions, "-in", request, "-out", pair.certificate),
            *("-startdate", _PAST if expired else _START),
            *("-enddate", _START if expired else _END),
        )
        return pair


def openssl(*arguments: str | Path) -> None:
    """Runs OpenSSL; skips the test, and says so, on a machine that has none."""
    try:
        done = subprocess.run(
            ["openssl", *map(str, arguments)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("the openssl command is missing: apt-get install openssl")
    assert done.returncode == 0, done.stderr
