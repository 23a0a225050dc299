"""The services that know the identity of the machine they run on: IMDS, App Service's endpoint, Azure Arc's agent. Each
refuses what the real one refuses. Their numbers are texts, as the real ones' are."""

import secrets
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from harness.entra import ISSUER, TENANT
from harness.token_server import Asked, SigningKey, TokenServer

SYSTEM = "00000000-aaaa-bbbb-cccc-000000000001"  # object id of the machine's own identity
USER_CLIENT = "00000000-aaaa-bbbb-cccc-000000000002"
USER_OBJECT = "00000000-aaaa-bbbb-cccc-000000000003"
USER_RESOURCE = ("/subscriptions/00000000-0000-0000-0000-000000000009/resourcegroups/rg/providers/"
                 "Microsoft.ManagedIdentity/userAssignedIdentities/penstock")
ARC_KEYS = Path("/var/opt/azcmagent/tokens")


class Imds(TokenServer):
    path, version, resource_id_name = "/metadata/identity/oauth2/token", "2018-02-01", "msi_res_id"

    def __init__(self, key: SigningKey, lives_s: float = 86400):
        super().__init__(key, lives_s)
        self.identities: list[str] = [SYSTEM, USER_OBJECT]  # those that are assigned to the machine

    def environment(self) -> dict:
        return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.url}

    def answer(self, asked: Asked) -> tuple[int, dict, dict]:
        refused = self.refuses(asked)
        if refused:
            if "WWW-Authenticate" not in refused[1] or "authorization" in asked.headers:
                self.complaints.append(str(refused))
            return refused
        query = urllib.parse.parse_qs(asked.query, keep_blank_values=True, strict_parsing=True)
        named = self._named(query)
        if named is None or named not in self.identities:
            self.complaints.append(f"no identity for {query}")
            return 400, {}, {"error": "invalid_request", "error_description": "Identity not found"}
        return 200, {}, self.members(query, named)

    def refuses(self, asked: Asked) -> tuple[int, dict, dict] | None:
        if asked.headers.get("metadata") != "true" or "x-forwarded-for" in asked.headers:
            return 400, {}, {"error": "invalid_request", "error_description": "Required metadata header not specified"}
        return self.refuses_query(asked)

    def refuses_query(self, asked: Asked) -> tuple[int, dict, dict] | None:
        query = urllib.parse.parse_qs(asked.query, keep_blank_values=True)
        if asked.method != "GET":
            return 405, {}, {}
        if asked.path != self.path:
            return 404, {}, {"error": "not_found"}
        if query.get("api-version") != [self.version]:
            return 400, {}, {"error": "bad_request", "error_description": "the api-version is invalid"}
        resource = query.get("resource", [""])[0]
        if not resource.startswith("https://") or resource.endswith("/.default"):
            return 400, {}, {"error": "invalid_resource", "error_description": f"AADSTS500011: resource {resource}"}
        return None

    def _named(self, query: dict) -> str | None:
        given = {name: query[name][0] for name in ("client_id", "object_id", "msi_res_id", "mi_res_id") if name in query}
        if len(given) > 1:
            return None
        known = {("client_id", USER_CLIENT), ("object_id", USER_OBJECT), (self.resource_id_name, USER_RESOURCE)}
        return (USER_OBJECT if known & set(given.items()) else None) if given else SYSTEM

    def members(self, query: dict, named: str) -> dict:
        resource = query["resource"][0]
        token = self.new_token(resource, named, iss=ISSUER, tid=TENANT)
        end = int(time.time() + self.lives_s)
        return {"access_token": token, "client_id": USER_CLIENT if named == USER_OBJECT else SYSTEM,
                "expires_in": str(int(self.lives_s)), "expires_on": str(end), "ext_expires_in": str(int(self.lives_s)),
                "not_before": str(end - int(self.lives_s)), "resource": resource, "token_type": "Bearer"}


class AppService(Imds):
    path, version, resource_id_name = "/msi/token", "2019-08-01", "mi_res_id"
    header = "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a"

    def environment(self) -> dict:
        return {"IDENTITY_ENDPOINT": self.url + self.path, "IDENTITY_HEADER": self.header}

    def refuses(self, asked: Asked):
        self.secrets.append(asked.headers.get("x-identity-header", ""))
        if asked.headers.get("x-identity-header") != self.header:
            return 401, {}, {"statusCode": 401, "message": "Unauthorized"}
        return self.refuses_query(asked)

    def members(self, query, named):
        every = super().members(query, named)
        return {name: every[name] for name in ("access_token", "client_id", "expires_on", "resource", "token_type")}


class Arc(Imds):
    """Whoever asks has to read a file of root's: another one for each challenge, and good once."""

    version = "2020-06-01"

    def __init__(self, key: SigningKey, lives_s: float = 86400, keys: Path = ARC_KEYS):
        keys.mkdir(parents=True, exist_ok=True)
        self._keys = keys
        self.files: dict[Path, str] = {}  # and what should be in them
        self.renamed: Callable[[Path], str] = str  # what the challenge says of a file
        self.written: Callable[[str], str] = str  # what is in the file, of what should be
        super().__init__(key, lives_s)

    def environment(self) -> dict:
        return {"IDENTITY_ENDPOINT": self.url + self.path, "IMDS_ENDPOINT": self.url}

    def refuses(self, asked: Asked):
        refused = super().refuses(asked)
        if refused:
            return refused
        given = asked.headers.get("authorization")
        for file, content in self.files.items():
            if given == f"Basic {content}":
                self._forget(file)
                return None
        file = self._keys / f"{secrets.token_hex(8)}.key"
        content = secrets.token_hex(32)
        self.secrets.append(content)
        file.write_text(self.written(content))
        self.files[file] = content
        return 401, {"WWW-Authenticate": f"Basic realm={self.renamed(file)}"}, {"error": "unauthorized"}

    def _forget(self, file: Path):
        del self.files[file]
        file.unlink()

    def end(self):
        super().end()
        for file in list(self.files):
            self._forget(file)
