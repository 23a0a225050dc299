"""Entra, as far as penstock asks it: POST /<tenant>/oauth2/v2.0/token over TLS, for an application with a secret or a
certificate and for a workload identity. It refuses what the real one refuses, in its form of words.

The tokens name an issuer of version 1.0, https://sts.windows.net/<tenant>/, which Azurite wants."""

import base64
import time
import urllib.parse
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from harness.secrets_told import secret
from harness.security import self_signed
from harness.token_server import Asked, SigningKey, TokenServer, split_jwt

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SECRET = secret("s3cr3t~of.the-application+/=&%")  # with what a form has to encode
ISSUER = f"https://sts.windows.net/{TENANT}/"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLUSTER = "https://oidc.example/cluster/"
SERVICE_ACCOUNT = "system:serviceaccount:landing:penstock"
EXCHANGE = "api://AzureADTokenExchange"


@dataclass
class Refusal(Exception):
    status: int
    error: str
    code: int
    words: str


class Application:
    """A certificate of its own with its key, in one PEM file, as `az ad app credential` wants it."""

    def __init__(self, file: Path):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = self_signed("penstock", key)
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + self.certificate.public_bytes(serialization.Encoding.PEM))
        self.file = file


class Entra(TokenServer):
    def __init__(self, key: SigningKey, certificate: Path, lives_s: float = 3600, application: x509.Certificate | None = None,
                 cluster: SigningKey | None = None, secret: str = SECRET):
        super().__init__(key, lives_s, certificate)
        self.application, self.cluster, self.secret = application, cluster, secret
        self.resources: set[str] | None = None  # None: every one there is
        self._assertions: set[str] = set()
        self.endpoint = f"{self.url}/{TENANT}/oauth2/v2.0/token"

    def answer(self, asked: Asked) -> tuple[int, dict, dict]:
        try:
            resource = self._let_in(asked)
            token = self.new_token(resource, CLIENT, iss=ISSUER, tid=TENANT, appid=CLIENT)
        except Refusal as refusal:
            return self._refuse(refusal)
        life = int(self.lives_s)
        members = {"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token}
        if life >= 7200:
            members["refresh_in"] = life // 2
        return 200, {"Cache-Control": "no-store"}, members

    def _refuse(self, refusal: Refusal) -> tuple[int, dict, dict]:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        text = f"AADSTS{refusal.code}: {refusal.words}"
        self.complaints.append(text)
        return refusal.status, {}, {
            "error": refusal.error,
            "error_description": f"{text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}",
            "error_codes": [refusal.code], "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
            "error_uri": f"{self.url}/error?code={refusal.code}"}

    def _let_in(self, asked: Asked) -> str:
        """The resource that the token is for."""
        tenant, _, rest = asked.path.lstrip("/").partition("/")
        if asked.method != "POST" or rest != "oauth2/v2.0/token" or asked.query:
            raise Refusal(404, "invalid_request", 900561, "The endpoint only accepts POST requests.")
        if tenant != TENANT:
            raise Refusal(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if asked.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
            raise Refusal(400, "invalid_request", 900144, "The request body must be a form.")
        pairs = urllib.parse.parse_qsl(asked.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        form = dict(pairs)
        if len(form) != len(pairs):
            raise Refusal(400, "invalid_request", 9000411, "The request is not properly formatted. A parameter is duplicated.")
        self.secrets += [form[name] for name in ("client_secret", "client_assertion") if form.get(name)]
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("client_id") != CLIENT:
            raise Refusal(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        self._check_proof(form)
        resource, slash, rest = form.get("scope", "").rpartition("/")
        if rest != ".default" or not slash or not resource.startswith("https://"):
            raise Refusal(400, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")
        if self.resources is not None and resource not in self.resources:
            raise Refusal(400, "invalid_resource", 500011, f"The resource principal named {resource} was not found.")
        return resource

    def _check_proof(self, form: dict):
        common = {"grant_type", "client_id", "scope"}
        if set(form) == common | {"client_secret"}:
            if form["client_secret"] != self.secret:
                raise Refusal(401, "invalid_client", 7000215, "Invalid client secret provided.")
        elif set(form) == common | {"client_assertion_type", "client_assertion"}:
            if form["client_assertion_type"] != ASSERTION_TYPE:
                raise Refusal(400, "invalid_request", 900144, "client_assertion_type is wrong.")
            try:
                head = split_jwt(form["client_assertion"])[0]
            except ValueError:
                raise Refusal(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from None
            if head.get("alg") == "PS256":
                self._check_certificate(form["client_assertion"])
            else:
                self._check_federated(form["client_assertion"])
        else:
            raise Refusal(401, "invalid_client", 7000218, "The request body must contain: 'client_assertion' or 'client_secret'.")

    def _check_certificate(self, assertion: str):
        head, claims, signature, signed = split_jwt(assertion)
        own = self.application
        thumbprint = own and base64.b64encode(own.fingerprint(hashes.SHA256())).decode()
        if own is None or head.get("typ") != "JWT" or head.get("x5t#S256") != thumbprint:
            raise Refusal(401, "invalid_client", 700027, "The certificate with identifier used to sign is not registered.")
        try:
            own.public_key().verify(signature, signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        except InvalidSignature:
            raise Refusal(401, "invalid_client", 50013, "Assertion failed signature validation.") from None
        if claims.get("aud") != self.endpoint or claims.get("iss") != CLIENT or claims.get("sub") != CLIENT:
            raise Refusal(401, "invalid_client", 700023, "Client assertion audience claim does not match.")
        now = time.time()
        if not claims.get("nbf", now + 999) <= now + 300 or not now < claims.get("exp", 0) <= now + 24 * 3600:
            raise Refusal(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")
        if not claims.get("jti") or claims["jti"] in self._assertions:
            raise Refusal(401, "invalid_client", 50013, "Assertion was used before.")
        self._assertions.add(claims["jti"])

    def _check_federated(self, token: str):
        try:
            claims = self.cluster.claims_of(token)
        except (AttributeError, ValueError):
            raise Refusal(401, "invalid_client", 700211, "No matching federated identity record found for the issuer.") from None
        if claims.get("iss") != CLUSTER:
            raise Refusal(401, "invalid_client", 700211, "No matching federated identity record found for the issuer.")
        if claims.get("aud") not in (EXCHANGE, [EXCHANGE]):
            raise Refusal(401, "invalid_client", 700212, "No matching federated identity record found for the audience.")
        if claims.get("sub") != SERVICE_ACCOUNT:
            raise Refusal(401, "invalid_client", 700213, "No matching federated identity record found for the subject.")
        if not claims.get("exp", 0) > time.time():
            raise Refusal(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")


def federated_token(cluster: SigningKey, lives_s: float = 3600, **changes) -> str:
    """As the kubelet projects it into a pod."""
    now = int(time.time())
    return cluster.sign({"iss": CLUSTER, "sub": SERVICE_ACCOUNT, "aud": [EXCHANGE], "iat": now, "nbf": now,
                         "exp": now + int(lives_s), **changes})
