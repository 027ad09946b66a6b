"""TLS by a certificate and its key: spoken when set, and nothing else then."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect

from tests.surfaces.spot.conftest import MakeEngine


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


async def test_certificate_makes_the_listener_speak_tls(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    cert, key = self_signed(tmp_path)
    engine = make_engine(ARBITER__SPOT_API__SSL_CERT=str(cert), ARBITER__SPOT_API__SSL_KEY=str(key))
    assert all(url.startswith("https://") for url in engine.running.listeners["spot"])
    trust = ssl.create_default_context(cafile=str(cert))
    async with httpx.AsyncClient(verify=trust) as client:
        answer = await client.get(f"{engine.api}/status")
        assert answer.json()["status"] == "running"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(engine.api.replace("https", "http") + "/status")
    address = engine.api.replace("https", "wss") + "/ws"
    async with connect(address, ssl=trust) as talk:
        await talk.send('{"type":"ping"}')
        assert await talk.recv() == '{"type":"pong"}'
