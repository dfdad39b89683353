"""Calls over TLS: whom they trust, and that the authorities are read once."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from functions.adapters import http_calls
from functions.adapters.http_calls import send

SOON = (5.0, 5.0)


class Partner(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    clients: list[int]

    def do_GET(self) -> None:
        self.server.clients.append(self.client_address[1])  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a key and a certificate of its own for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    of_key = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(of_key + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def server(certificate: Path) -> Iterator[HTTPServer]:
    served = HTTPServer(("127.0.0.1", 0), Partner)
    served.clients = []  # type: ignore[attr-defined]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    served.socket = context.wrap_socket(served.socket, server_side=True)
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    http_calls.adapter.cache_clear()
    yield served
    http_calls.adapter.cache_clear()
    served.shutdown()
    thread.join()
    served.server_close()


def url(server: HTTPServer) -> str:
    return f"https://127.0.0.1:{server.server_port}/"


def test_each_call_has_a_connection_of_its_own_and_the_authorities_are_read_once(
    server: HTTPServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert send("GET", url(server), SOON).text == "{}"
    certificate.unlink()
    assert send("GET", url(server), SOON).text == "{}"
    assert len(set(server.clients)) == 2  # type: ignore[attr-defined]


def test_a_partner_that_nobody_vouches_for_gets_nothing(server: HTTPServer) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="self-signed"):
        send("GET", url(server), SOON)
    assert server.clients == []  # type: ignore[attr-defined]
