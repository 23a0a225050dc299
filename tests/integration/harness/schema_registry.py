"""Doubles of schema registries: Confluent's API, Azure's and Apicurio's own. Each refuses what the real one refuses, and
counts what it was asked. What it answers is checked by clients of others in test_registry.py."""

import base64
import json
import threading
import urllib.parse
import uuid

from harness.token_server import Asked, SigningKey, TokenServer

AUDIENCE = "https://eventhubs.azure.net"


class SchemaRegistry(TokenServer):
    """`refuses_all`: a status that everything is answered with."""

    def __init__(self, key: SigningKey | None = None, certificate=None):
        super().__init__(key, 3600, certificate)
        self.schemas: dict[str, dict] = {}  # by id: {"text", "type", "references"}
        self.requests: list[str] = []  # the ids that were asked for, in order
        self.login: str | None = None  # what Authorization must be
        self.hidden: set[str] = set()  # ids that this replica does not know yet
        self.subjects: dict[str, list[str]] = {}  # the ids of their versions, from 1 on
        self.versions_asked: list[str] = []  # of which subjects it was asked which versions there are, or for one
        self.versions_refusal: tuple | None = None  # what is answered instead
        self._changes = threading.Lock()

    def register(self, schema, kind: str = "AVRO", references: list | None = None, id: str | None = None) -> str:
        """The id, as the address has it. The same text has one id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        with self._changes:
            for known, made in self.schemas.items():
                if made["text"] == text and made["type"] == kind and id is None:
                    return known
            made = id or self.new_id()
            self.schemas[made] = {"text": text, "type": kind, "references": references or []}
            return made

    def asked_for(self, id: str) -> int:
        return self.requests.count(id)

    def knows(self, id: str) -> dict | None:
        self.requests.append(id)
        return None if id in self.hidden else self.schemas.get(id)

    def new_id(self) -> str:
        raise NotImplementedError

    def answer(self, asked: Asked):
        refusal = self.refuses(asked)
        if refusal:
            self.complaints.append(f"{asked.method} {asked.path}: {refusal[0]}")
            return refusal
        return self.answer_to(asked)

    def refuses(self, asked: Asked):
        if self.login is not None and asked.headers.get("authorization") != self.login:
            return 401, {}, {"error_code": 401, "message": "Unauthorized"}
        return None

    def answer_to(self, asked: Asked):
        raise NotImplementedError


class Confluent(SchemaRegistry):
    """The part of the API that serializers and readers use."""
    TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}

    def new_id(self) -> str:
        return str(len(self.schemas) + 1)

    def basic(self, user: str, password: str) -> None:
        self.login = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    @staticmethod
    def guid(id: str) -> str:
        return str(uuid.UUID(int=int(id) << 64 | 0xabcdef))

    def answer_to(self, asked: Asked):
        parts = [urllib.parse.unquote(part) for part in asked.path.split("/")[1:]]
        if asked.method == "GET" and "json" not in asked.headers.get("accept", "*/*json"):
            return 406, self.TYPE, {"error_code": 406, "message": "HTTP 406 Not Acceptable"}
        if asked.method == "POST" and parts[0] == "subjects" and (len(parts) == 2 or parts[2:] == ["versions"]):
            return self._registered(parts[1], json.loads(asked.body))
        if asked.method == "GET" and parts[0] == "subjects" and parts[2:3] == ["versions"] and len(parts) in (3, 4):
            return self._versions(parts[1], parts[3] if len(parts) == 4 else None)
        if asked.method == "GET" and parts[:2] in (["schemas", "ids"], ["schemas", "guids"]) and len(parts) == 3:
            id = parts[2] if parts[1] == "ids" else next((i for i in self.schemas if self.guid(i) == parts[2]), parts[2])
            known = self.knows(id)
            if known is None:
                return 404, self.TYPE, {"error_code": 40403, "message": f"Schema {parts[2]} not found"}
            return 200, self.TYPE, self._told(known)
        return 404, self.TYPE, {"error_code": 404, "message": "HTTP 404 Not Found"}

    @staticmethod
    def _told(schema: dict) -> dict:
        told = {"schema": schema["text"]}
        if schema["type"] != "AVRO":
            told["schemaType"] = schema["type"]
        if schema["references"]:
            told["references"] = schema["references"]
        return told

    def _versions(self, subject: str, version: str | None):
        self.versions_asked.append(subject)
        if self.versions_refusal is not None:
            return self.versions_refusal
        ids = self.subjects.get(subject)
        if ids is None:
            return 404, self.TYPE, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
        if version is None:
            return 200, self.TYPE, list(range(1, len(ids) + 1))
        if not 1 <= int(version) <= len(ids):
            return 404, self.TYPE, {"error_code": 40402, "message": f"Version {version} not found."}
        id = ids[int(version) - 1]
        return 200, self.TYPE, {"subject": subject, "version": int(version), "id": int(id), **self._told(self.schemas[id])}

    def _registered(self, subject: str, body: dict):
        id = self.register(body["schema"], body.get("schemaType", "AVRO"), body.get("references"))
        ids = self.subjects.setdefault(subject, [])
        if id not in ids:
            ids.append(id)
        return 200, self.TYPE, {"id": int(id), "guid": self.guid(id), "subject": subject, "version": ids.index(id) + 1,
                                "schema": body["schema"]}


class Azure(SchemaRegistry):
    def new_id(self) -> str:
        return uuid.uuid4().hex

    def refuses(self, asked: Asked):
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        try:
            claims = self.key.claims_of(token)
        except ValueError:
            claims = {}
        if scheme != "Bearer" or claims.get("aud") != AUDIENCE:
            return 401, {}, {"error": {"code": "Unauthorized", "message": "InvalidAuthenticationToken"}}
        return None

    def answer_to(self, asked: Asked):
        query = urllib.parse.parse_qs(asked.query)
        parts = urllib.parse.unquote(asked.path).split("/")[1:]
        if asked.method != "GET" or parts[:2] != ["$schemaGroups", "$schemas"] or len(parts) != 3:
            return 404, {}, {"error": {"code": "NotFound", "message": "no such resource"}}
        if query.get("api-version") not in (["2022-10"], ["2023-07-01"]):
            return 400, {}, {"error": {"code": "BadRequest", "message": "api-version"}}
        known = self.knows(parts[2])
        if known is None:
            return 404, {}, {"error": {"code": "ItemNotFound", "message": f"Schema id {parts[2]} does not exist."}}
        kind = {"AVRO": "Avro", "JSON": "Json"}[known["type"]]
        if f"serialization={kind}".lower() not in asked.headers.get("accept", "").lower():
            return 415, {}, {"error": {"code": "UnsupportedMediaType", "message": "accept"}}
        return 200, {"Content-Type": f"application/json; serialization={kind}", "Schema-Id": parts[2], "Schema-Group-Name": "g",
                     "Schema-Name": "n", "Schema-Version": "1"}, known["text"].encode()


class Apicurio(SchemaRegistry):
    def new_id(self) -> str:
        return str(len(self.schemas) + 1)

    def answer_to(self, asked: Asked):
        parts = asked.path.removeprefix("/apis/registry/v2/").split("/")
        if asked.method != "GET" or not asked.path.startswith("/apis/registry/v2/ids/") or len(parts) != 3:
            return 404, {}, {"error_code": 404, "name": "NotFoundException", "message": "RESTEASY003210"}
        known = self.knows(f"{parts[1]}/{parts[2]}")
        if known is None:  # as 2.6.13 answers
            name = "ContentNotFoundException" if parts[1] == "contentIds" else "ArtifactNotFoundException"
            return 404, {}, {"error_code": 404, "name": name, "message": "not found", "detail": f"{name}: not found"}
        return 200, {"Content-Type": "application/octet-stream"}, known["text"].encode()
