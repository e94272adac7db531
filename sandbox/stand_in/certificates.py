"""A certificate authority of the stand-in, for webhooks whose chart brings no certificate."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 365


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes


def authority(folder: Path) -> KeyPair:
    """The authority kept in `folder`, made on first use, so that caBundles stay the same over restarts."""
    certificate, key = folder / "webhook-ca.crt", folder / "webhook-ca.key"
    if not (certificate.exists() and key.exists()):
        made = _issue("sandbox webhooks", None)
        key.touch(mode=0o600)
        key.write_bytes(made.key)
        certificate.write_bytes(made.certificate)
    return KeyPair(certificate.read_bytes(), key.read_bytes())


def issue(host: str, ca: KeyPair) -> KeyPair:
    """A server certificate for `host`, signed by `ca`."""
    return _issue(host, ca)


def is_authority(bundle: bytes) -> bool:
    """Whether a caBundle holds certificates, rather than nothing or a placeholder."""
    try:
        return bool(x509.load_pem_x509_certificates(bundle))
    except ValueError:
        return False


def serves(pair: KeyPair, host: str, bundle: bytes) -> bool:
    """Whether `pair` names `host` and was issued by an authority in the PEM `bundle`."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        authorities = x509.load_pem_x509_certificates(bundle)
    except (ValueError, x509.ExtensionNotFound):
        return False
    return host in names.get_values_for_type(x509.DNSName) and any(_issued_by(certificate, ca) for ca in authorities)


def _issued_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    # A chart that makes a new authority on every upgrade keeps its name, so compare the signature, not the name.
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _issue(name: str, ca: KeyPair | None) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    issuer = x509.load_pem_x509_certificate(ca.certificate).subject if ca else subject
    signer = serialization.load_pem_private_key(ca.key, None) if ca else key
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the webhook authority's key is not an elliptic-curve key; delete webhook-ca.* and start again")
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
    )
    if ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), private)
