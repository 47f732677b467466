"""Certificates of the tests' own making."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

DAY = timedelta(days=1)
_REQUEST = (
    "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=onec -config ca.cnf"
)
_SIGN = (
    "openssl ca -batch -config ca.cnf -selfsign -keyfile key.pem -in request.pem -out certificate.pem -notext"
)
_CONFIGURATION = """
[ca]
default_ca = own
[own]
database = index.txt
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
subjectAltName = {name}
basicConstraints = CA:TRUE
[req]
distinguished_name = none
[none]
"""


def certificate(
    folder: Path, name: str = "IP:127.0.0.1", begins: timedelta = -DAY, ends: timedelta = 99 * DAY
) -> Path:
    """A self-signed certificate, as 1C's servers often have one; its key beside it."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    (folder / "ca.cnf").write_text(_CONFIGURATION.format(name=name))
    (folder / "index.txt").touch()
    now = datetime.now(UTC)
    times = [f"{now + moment:%Y%m%d%H%M%SZ}" for moment in (begins, ends)]
    for command in (
        [*_REQUEST.split(), "-keyout", "key.pem", "-out", "request.pem"],
        [*_SIGN.split(), "-startdate", times[0], "-enddate", times[1]],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "certificate.pem"


def tls(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, file.with_name("key.pem"))
    return context
