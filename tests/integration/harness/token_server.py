"""What the doubles of Entra and of the metadata services have in common: tokens that a key signs, and a server that counts
what it was asked and that fails in every way a server can."""

import base64
import json
import secrets
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

WEB_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head><body></body></html>"


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def split_jwt(token: str) -> tuple[dict, dict, bytes, bytes]:
    """Header, claims, signature, and what is signed. A ValueError: it is no JSON Web Token."""
    head, claims, signature = token.split(".")
    return json.loads(unb64(head)), json.loads(unb64(claims)), unb64(signature), f"{head}.{claims}".encode()


class SigningKey:
    """Of whoever issues tokens: RS256, and the key set that its public half is published in."""

    def __init__(self):
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.id = secrets.token_hex(8)

    def sign(self, claims: dict) -> str:
        head = {"typ": "JWT", "alg": "RS256", "kid": self.id}
        signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{signed}.{b64(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def claims_of(self, token: str) -> dict:
        """A ValueError: this key has not signed it."""
        head, claims, signature, signed = split_jwt(token)
        if head.get("alg") != "RS256" or head.get("kid") != self.id:
            raise ValueError("signed by another key")
        try:
            self._key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature as wrong:
            raise ValueError("the signature is wrong") from wrong
        return claims

    def write_key_set(self, file: Path) -> Path:
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
               "n": b64(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
               "e": b64(numbers.e.to_bytes(3, "big"))}
        file.write_text(json.dumps({"keys": [key]}))
        return file


@dataclass
class Fault:
    """How a request is answered in place of the truth. Without a status it is answered by nothing but what follows."""

    status: int | None = None
    body: bytes | dict = b""
    headers: dict = field(default_factory=dict)
    hang: bool = False  # no answer, until the double ends
    close: bool = False  # the connection ends without an answer
    cut: bool = False  # the body ends in its middle
    slow_s: float = 0  # so long before each byte of the body


@dataclass
class Asked:
    method: str
    path: str
    query: str
    headers: dict  # by lower-case names
    body: bytes


class TokenServer:
    """Answers each request by answer(); with a `certificate` for localhost over TLS. `lives_s`: of each token."""

    def __init__(self, key: SigningKey, lives_s: float, certificate: Path | None = None):
        self.key, self.lives_s = key, lives_s
        self.fault: Fault | None = None
        self.asked: list[float] = []  # when, by time.monotonic()
        self.tokens: list[str] = []  # those that were given
        self.secrets: list[str] = []  # what was sent to prove something
        self.complaints: list[str] = []  # why something was refused
        self._lock = threading.Lock()
        self._ended = threading.Event()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_GET(self):
                double._serve(self)

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # whoever asks may go away

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake is the thread's of the connection: a slow client holds up nobody else.
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.port}" if certificate else f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> tuple[int, dict, dict]:
        """Status, headers and the members of a JSON object."""
        raise NotImplementedError

    def new_token(self, audience: str, subject: str, **claims) -> str:
        """Claims as tokens of version 1.0 have them."""
        now = int(time.time())
        token = self.key.sign({"aud": audience, "iat": now, "nbf": now - 5, "exp": now + int(self.lives_s), "sub": subject,
                               "oid": subject, "ver": "1.0", **claims})
        self.tokens.append(token)
        return token

    def _serve(self, handler):
        path, _, query = handler.path.partition("?")
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        asked = Asked(handler.command, path, query, {k.lower(): v for k, v in handler.headers.items()}, body)
        with self._lock:
            self.asked.append(time.monotonic())
            fault = self.fault
            if fault is None:
                status, headers, members = self.answer(asked)
                fault = Fault(status, members, headers)
        self._send(handler, fault)

    def _send(self, handler, fault: Fault):
        handler.close_connection = True
        if fault.hang:
            self._ended.wait(600)
        if fault.close or fault.hang:
            return
        content = fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body).encode()
        handler.send_response(fault.status or 200)
        kind = "text/html" if content.startswith(b"<") else "application/json; charset=utf-8"
        for name, value in {"Content-Type": kind, **fault.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if fault.cut:
            content = content[: len(content) // 2]
        for index in range(len(content) if fault.slow_s else 0):
            if self._ended.wait(fault.slow_s):
                return
            handler.wfile.write(content[index : index + 1])
            handler.wfile.flush()
        if not fault.slow_s:
            handler.wfile.write(content)
