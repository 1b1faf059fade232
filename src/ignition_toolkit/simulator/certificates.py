"""The gateway's own certificate: self-signed and new at each start, as a fresh gateway has one.

Source: gateway-api section 3.7; that the certificate names `localhost` only was measured once.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFE = timedelta(days=365)

#: How far a client's clock may be behind.
SKEW = timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """What the gateway shows over TLS."""

    context: ssl.SSLContext
    #: The certificate as PEM, for clients that trust it alone.
    certificate: str


def make_identity(names: Sequence[str]) -> Identity:
    """Return a new certificate for names and addresses; writes and removes a file.

    Raises:
        ValueError: there is no name.
    """
    if not names:
        raise ValueError("a certificate needs a name, as localhost")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, names).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The library reads files only; this folder is for our user alone.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "identity.pem"
        path.write_bytes(private + certificate)
        context.load_cert_chain(path)
    return Identity(context, certificate.decode("ascii"))


def _certificate(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> x509.Certificate:
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName([_name(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
