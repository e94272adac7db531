"""The certificates of one control plane: authorities of ten years, everything else of one, made once and reused."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.paths import write_atomically

AUTHORITY_DAYS, LEAF_DAYS, RENEW_BEFORE_DAYS = 3650, 365, 7
_API_SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for: a common name, its groups, and, for a server, its addresses."""

    common_name: str
    groups: Sequence[str] = ()
    addresses: Sequence[str] = ()


CLIENTS = {
    # Each under the name that the audit log of EKS has for what it stands in for.
    "admin": Identity("kubernetes-admin", ("system:masters",)),
    "supervisor": Identity("eks:addon-manager", ("system:masters",)),
    "kwok": Identity("eks:nodes", ("system:masters",)),
    "stand-in": Identity("eks:stand-in", ("system:masters",)),
    "argo-cd": Identity("system:serviceaccount:argocd:argocd-application-controller", ("system:masters",)),
    "controller-manager": Identity("system:kube-controller-manager"),
    "scheduler": Identity("system:kube-scheduler"),
}


class Authority:
    """A certificate authority in two files, NAME.crt and NAME.key; made if they are absent."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self._certificate_file, self._key_file = directory / f"{name}.crt", directory / f"{name}.key"
        if not self._certificate_file.exists():
            self._create(name)
        self._certificate = x509.load_pem_x509_certificate(self._certificate_file.read_bytes())
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    def ensure(self, name: str, identity: Identity) -> None:
        """Issue NAME.crt and NAME.key unless a certificate that still lasts for a week is there."""
        file = self.directory / f"{name}.crt"
        if file.exists() and _days_left(file) > RENEW_BEFORE_DAYS:
            return
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if identity.addresses else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _builder(_subject(identity.common_name, identity.groups), key, LEAF_DAYS)
            .issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if identity.addresses:
            names = [_general_name(address) for address in identity.addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        self._save(file, builder.sign(self._key, hashes.SHA256()), key)

    def _create(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(f"sandbox-{name}", ())
        certificate = (
            _builder(subject, key, AUTHORITY_DAYS)
            .issuer_name(subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_authority_usage(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._save(self._certificate_file, certificate, key)

    @staticmethod
    def _save(file: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        write_atomically(file.with_suffix(".key"), _private_pem(key))
        write_atomically(file, certificate.public_bytes(serialization.Encoding.PEM).decode())


def ensure_certificates(directory: Path, service_address: str) -> None:
    """Make, or renew, all certificates and keys that a control plane needs, in `directory`.

    `service_address` is the cluster IP of the `kubernetes` Service. Present files are kept, so that clients and the
    cluster's record in AWS go on trusting the same authority.
    """
    authority = Authority(directory, "ca")
    authority.ensure("apiserver", Identity("kube-apiserver", (), (*_API_SERVER_NAMES, "127.0.0.1", service_address)))
    Authority(directory, "front-proxy-ca").ensure("front-proxy", Identity("front-proxy-client"))
    for name, identity in CLIENTS.items():
        authority.ensure(name, identity)
    if not (directory / "service-accounts.pub").exists():
        _create_service_account_key(directory)


def write_kubeconfigs(certificates: Path, directory: Path, cluster: str, server: str) -> None:
    """Write `USER.kubeconfig` into `directory` for every client, with all certificates embedded."""
    for user in CLIENTS:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": cluster,
            "clusters": [
                {
                    "name": cluster,
                    "cluster": {"server": server, "certificate-authority-data": encoded(certificates / "ca.crt")},
                }
            ],
            "users": [
                {
                    "name": user,
                    "user": {
                        "client-certificate-data": encoded(certificates / f"{user}.crt"),
                        "client-key-data": encoded(certificates / f"{user}.key"),
                    },
                }
            ],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        }
        write_atomically(directory / f"{user}.kubeconfig", json.dumps(content, indent=1))


def encoded(file: Path) -> str:
    """A file's content in base64, as kubeconfigs and the EKS API carry certificates."""
    return base64.b64encode(file.read_bytes()).decode()


def _create_service_account_key(directory: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_atomically(directory / "service-accounts.key", _private_pem(key))
    write_atomically(directory / "service-accounts.pub", public.decode())


def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _subject(common_name: str, groups: Sequence[str]) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        key_encipherment=True,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def _days_left(file: Path) -> float:
    expiry = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    return (expiry - datetime.datetime.now(datetime.UTC)).total_seconds() / 86400
