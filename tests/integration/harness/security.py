"""A test's own certificate authority, its own users, and bearer tokens that a broker takes without a signature."""

import base64
import datetime
import ipaddress
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.secrets_told import secret

USER = "gateway"
PASSWORD = secret("what the gateway knows")
SESSION_MS = 5000  # the broker wants to see a login again after so long


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(subject: str, key, issuer: str, issuer_key, **extensions) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1)))
    for extension in extensions.values():
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer_key, hashes.SHA256())


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def self_signed(name: str, key) -> x509.Certificate:
    return _certificate(name, key, name, key)


class Authority:
    def __init__(self, name: str):
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = _certificate(name, self._key, name, self._key,
                                 basic=x509.BasicConstraints(ca=True, path_length=0))

    def write(self, file: Path) -> Path:
        file.write_bytes(self._own.public_bytes(serialization.Encoding.PEM))
        return file

    def issue(self, host: str, file: Path, passphrase: bytes | None = None):
        """A key and its certificate for `host`, a name or an address, as Kafka reads them from one PEM file. With a passphrase the key is
        encrypted."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(host, key, self.name, self._key,
                                   names=x509.SubjectAlternativeName([_alternative(host)]))
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.BestAvailableEncryption(passphrase) if passphrase
                              else serialization.NoEncryption())
            + certificate.public_bytes(serialization.Encoding.PEM))


def bearer_token(lives_s: float, subject: str = USER) -> str:
    """As RFC 7519, section 6 has it: unsecured, so its signature is empty."""
    def part(content: dict) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    now = time.time()
    return f"{part({'alg': 'none'})}.{part({'sub': subject, 'iat': now - 60, 'exp': now + lives_s})}."


def write_token(file: Path, token: str):
    """In the place of the former at once, as who keeps a token fresh has to do it."""
    fresh = file.with_suffix(".fresh")
    fresh.write_text(token + "\n")
    os.replace(fresh, file)


@dataclass
class Secured:
    """A second listener of the broker: TLS, and every mechanism that penstock speaks. Its certificate is for localhost."""

    port: int
    keystore: Path
    session_ms: int = SESSION_MS
    protocol = "SASL_SSL"

    def properties(self) -> str:
        modules = {
            "plain": f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
            "scram-sha-256": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            "scram-sha-512": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            "oauthbearer": 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required '
                           'unsecuredLoginStringClaim_sub="broker";',
        }
        lines = [f"listener.name.secured.ssl.keystore.location={self.keystore}",
                 "listener.name.secured.ssl.keystore.type=PEM",
                 f"listener.name.secured.sasl.enabled.mechanisms={','.join(modules).upper()}",
                 # A wrong password is answered at once: the tests have no attackers.
                 "connection.failed.authentication.delay.ms=10"]
        for mechanism, module in modules.items():
            lines += [f"listener.name.secured.{mechanism}.sasl.jaas.config={module}",
                      f"listener.name.secured.{mechanism}.connections.max.reauth.ms={self.session_ms}"]
        return "\n".join(lines) + "\n"

    def format_arguments(self) -> list[str]:
        return [word for function in ("SCRAM-SHA-256", "SCRAM-SHA-512")
                for word in ("--add-scram", f"{function}=[name={USER},password={PASSWORD}]")]


@dataclass(kw_only=True)
class SecuredByKeySet(Secured):
    """A listener that takes bearer tokens of one issuer alone, whose signature is checked by the keys of a file."""

    key_set: Path
    audience: str
    issuer: str
    session_ms: int = 3_600_000

    def properties(self) -> str:
        prefix = "listener.name.secured"
        bearer = f"{prefix}.oauthbearer"
        package = "org.apache.kafka.common.security.oauthbearer"
        return "\n".join([
            f"{prefix}.ssl.keystore.location={self.keystore}", f"{prefix}.ssl.keystore.type=PEM",
            f"{prefix}.sasl.enabled.mechanisms=OAUTHBEARER",
            f"{bearer}.sasl.jaas.config={package}.OAuthBearerLoginModule required ;",
            f"{bearer}.sasl.server.callback.handler.class={package}.OAuthBearerValidatorCallbackHandler",
            f"{bearer}.sasl.oauthbearer.jwks.endpoint.url={self.key_set.as_uri()}",
            f"{bearer}.sasl.oauthbearer.expected.audience={self.audience}",
            f"{bearer}.sasl.oauthbearer.expected.issuer={self.issuer}",
            f"{bearer}.sasl.oauthbearer.sub.claim.name=oid",
            f"{bearer}.connections.max.reauth.ms={self.session_ms}",
            "connection.failed.authentication.delay.ms=10"]) + "\n"

    def format_arguments(self) -> list[str]:
        return []


@dataclass
class Mutual:
    """A second listener of the broker: TLS, and the client's certificate is the login. The broker's is for localhost."""

    port: int
    keystore: Path
    clients_ca: Path
    protocol = "SSL"

    def properties(self) -> str:
        return "".join(f"listener.name.secured.{line}\n" for line in [
            f"ssl.keystore.location={self.keystore}", "ssl.keystore.type=PEM",
            f"ssl.truststore.location={self.clients_ca}", "ssl.truststore.type=PEM", "ssl.client.auth=required"])

    def format_arguments(self) -> list[str]:
        return []
