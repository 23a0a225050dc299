"""The doubles of Entra and of the metadata services refuse what the real ones refuse: else a test that passes with them
shows nothing. What is asked here is written by hand, as penstock or a client with a mistake would."""

import base64
import http.client
import json
import ssl
import time
import urllib.parse
import uuid

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harness.entra import (ASSERTION_TYPE, CLIENT, CLUSTER, ISSUER, SECRET, TENANT, Application, Entra, federated_token)
from harness.metadata_services import SYSTEM, USER_CLIENT, USER_OBJECT, USER_RESOURCE, AppService, Arc, Imds
from harness.security import Authority
from harness.token_server import Fault, SigningKey, b64

RESOURCE = "https://storage.azure.com"


@pytest.fixture(scope="module")
def issuer_key():
    return SigningKey()


@pytest.fixture(scope="module")
def cluster():
    return SigningKey()


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    return Application(tmp_path_factory.mktemp("application") / "application.pem")


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority("the doubles' CA")
    authority.issue("localhost", directory / "server.pem")
    return directory / "server.pem", authority.write(directory / "ca.pem")


@pytest.fixture
def entra(issuer_key, cluster, application, tls):
    with Entra(issuer_key, tls[0], 3600, application.certificate, cluster) as double:
        yield double


def post(double: Entra, tls, form, path: str = f"/{TENANT}/oauth2/v2.0/token", method: str = "POST") -> tuple[int, dict]:
    link = http.client.HTTPSConnection("localhost", double.port, context=ssl.create_default_context(cafile=tls[1]), timeout=20)
    body = form if isinstance(form, str) else urllib.parse.urlencode(form)
    link.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = link.getresponse()
    return answer.status, json.loads(answer.read())


def form_of(**changes) -> dict:
    form = {"grant_type": "client_credentials", "client_id": CLIENT, "scope": f"{RESOURCE}/.default", **changes}
    return {name: value for name, value in form.items() if value is not None}


def by_assertion(assertion: str, **changes) -> dict:
    return form_of(**{"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, **changes})


def signed(application: Application, endpoint: str, scheme=None, head=None, **changes) -> str:
    key = serialization.load_pem_private_key(application.file.read_bytes(), None)
    thumbprint = base64.b64encode(application.certificate.fingerprint(hashes.SHA256())).decode()
    now = int(time.time())
    claims = {"aud": endpoint, "iss": CLIENT, "sub": CLIENT, "jti": str(uuid.uuid4()), "nbf": now, "exp": now + 600, **changes}
    parts = [{"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint, **(head or {})}, claims]
    text = ".".join(b64(json.dumps(part).encode()) for part in parts)
    scheme = scheme or padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return f"{text}.{b64(key.sign(text.encode(), scheme, hashes.SHA256()))}"


def test_entra_gives_tokens_that_its_key_set_knows(entra, tls, application, cluster, issuer_key):
    for form in (form_of(client_secret=SECRET), by_assertion(signed(application, entra.endpoint)),
                 by_assertion(federated_token(cluster))):
        status, answer = post(entra, tls, form)
        assert (status, answer["expires_in"], answer["token_type"]) == (200, 3600, "Bearer"), answer
        claims = issuer_key.claims_of(answer["access_token"])
        assert (claims["aud"], claims["iss"], claims["oid"]) == (RESOURCE, ISSUER, CLIENT)
        assert 3590 < claims["exp"] - time.time() <= 3600
    with pytest.raises(ValueError, match="another key"):
        SigningKey().claims_of(entra.tokens[0])


WRONG_FORMS = [
    (form_of(client_secret="its id"), 401, 7000215),
    (form_of(client_secret=SECRET, client_id=str(uuid.uuid4())), 400, 700016),
    (form_of(client_secret=SECRET, scope=RESOURCE), 400, 70011),
    (form_of(client_secret=SECRET, scope="http://storage.azure.com/.default"), 400, 70011),
    (form_of(client_secret=SECRET, grant_type="password"), 400, 70003),
    (form_of(client_secret=SECRET, resource=RESOURCE), 401, 7000218),
    (form_of(), 401, 7000218),
    (urllib.parse.urlencode(form_of(client_secret=SECRET)) + "&scope=x", 400, 9000411),
    (by_assertion("no token"), 401, 50027),
    (by_assertion("a.b.c", client_assertion_type="urn:x"), 400, 900144),
]


@pytest.mark.parametrize("form, status, code", WRONG_FORMS, ids=[f"{i}-{code}" for i, (_, _, code) in enumerate(WRONG_FORMS)])
def test_entra_refuses(entra, tls, form, status, code):
    answered, answer = post(entra, tls, form)
    assert (answered, answer["error_codes"]) == (status, [code])
    assert answer["error_description"].startswith(f"AADSTS{code}: ") and answer["trace_id"] in answer["error_description"]
    assert not entra.tokens


def test_entra_refuses_other_ways_to_ask(entra, tls):
    form = form_of(client_secret=SECRET)
    assert post(entra, tls, form, f"/{uuid.uuid4()}/oauth2/v2.0/token")[1]["error_codes"] == [90002]
    assert post(entra, tls, form, f"/{TENANT}/oauth2/token")[0] == 404
    assert post(entra, tls, form, method="PUT")[0] == 404


def test_entra_refuses_assertions(entra, tls, application, cluster, tmp_path):
    def code(assertion: str) -> int:
        status, answer = post(entra, tls, by_assertion(assertion))
        assert status == 401
        return answer["error_codes"][0]

    end, now = entra.endpoint, int(time.time())
    assert code(signed(application, end + "s")) == 700023
    assert code(signed(application, end, iss="another")) == 700023
    assert code(signed(application, end, nbf=now + 3600)) == 700024
    assert code(signed(application, end, exp=now - 1)) == 700024
    assert code(signed(application, end, exp=now + 48 * 3600)) == 700024
    assert code(signed(application, end, padding.PKCS1v15())) == 50013
    assert code(signed(application, end, head={"x5t#S256": "AAAA"})) == 700027
    assert code(signed(Application(tmp_path / "other.pem"), end)) == 700027
    once = signed(application, end)
    assert post(entra, tls, by_assertion(once))[0] == 200
    assert code(once) == 50013
    assert code(federated_token(SigningKey())) == 700211
    assert code(federated_token(cluster, iss=CLUSTER + "x")) == 700211
    assert code(federated_token(cluster, aud="api://another")) == 700212
    assert code(federated_token(cluster, sub="system:serviceaccount:default:default")) == 700213
    assert code(federated_token(cluster, lives_s=-1)) == 700024


def get(double, path: str, headers=None, method: str = "GET") -> tuple[int, dict, dict]:
    link = http.client.HTTPConnection("127.0.0.1", double.port, timeout=20)
    link.request(method, path, headers={"Metadata": "true"} if headers is None else headers)
    answer = link.getresponse()
    return answer.status, dict(answer.getheaders()), json.loads(answer.read())


def query_of(double, **named) -> str:
    return f"{double.path}?{urllib.parse.urlencode({'api-version': double.version, 'resource': RESOURCE, **named})}"


def test_imds(issuer_key):
    with Imds(issuer_key) as imds:
        status, _, answer = get(imds, query_of(imds))
        assert status == 200 and issuer_key.claims_of(answer["access_token"])["oid"] == SYSTEM
        assert answer["expires_in"] == "86400" and isinstance(answer["expires_on"], str)
        for named in ({"client_id": USER_CLIENT}, {"object_id": USER_OBJECT}, {"msi_res_id": USER_RESOURCE}):
            assert issuer_key.claims_of(get(imds, query_of(imds, **named))[2]["access_token"])["oid"] == USER_OBJECT
        for path, headers in ((query_of(imds), {}), (query_of(imds, client_id="x"), None),
                              (query_of(imds, mi_res_id=USER_RESOURCE), None), (query_of(imds, resource=RESOURCE + "/.default"), None),
                              (query_of(imds, **{"api-version": "2017-01-01"}), None),
                              (query_of(imds, client_id=USER_CLIENT, object_id=USER_OBJECT), None)):
            assert get(imds, path, headers)[0] == 400, path
        assert get(imds, "/metadata/instance")[0] == 404
        imds.identities.remove(SYSTEM)
        assert get(imds, query_of(imds))[2]["error_description"] == "Identity not found"


def test_app_service(issuer_key):
    with AppService(issuer_key) as service:
        proof = {"X-IDENTITY-HEADER": service.header}
        status, _, answer = get(service, query_of(service), proof)
        assert status == 200 and "expires_in" not in answer and answer["expires_on"].isdigit()
        assert get(service, query_of(service, mi_res_id=USER_RESOURCE), proof)[0] == 200
        assert get(service, query_of(service, msi_res_id=USER_RESOURCE), proof)[0] == 400
        assert get(service, query_of(service))[0] == 401


def test_arc(issuer_key, tmp_path):
    with Arc(issuer_key, keys=tmp_path) as arc:
        status, headers, _ = get(arc, query_of(arc))
        assert (status, headers["WWW-Authenticate"]) == (401, f"Basic realm={next(iter(arc.files))}")
        assert get(arc, query_of(arc), {"Metadata": "true", "Authorization": "Basic wrong"})[0] == 401
        right = {"Metadata": "true", "Authorization": f"Basic {next(iter(arc.files)).read_text()}"}
        assert get(arc, query_of(arc), right)[0] == 200
        assert get(arc, query_of(arc), right)[0] == 401, "a key is good once"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault, seen", [
    (Fault(503, {"error": "x"}, {"Retry-After": "7"}), (503, "7")), (Fault(200, b"<html></html>"), (200, None)),
    (Fault(200, b"0123456789", cut=True), http.client.IncompleteRead), (Fault(close=True), http.client.RemoteDisconnected),
    (Fault(hang=True), TimeoutError), (Fault(200, b"0" * 100, slow_s=0.2), TimeoutError)],
    ids=["status", "page", "cut", "close", "hang", "slow"])
def test_faults_are_what_a_client_meets(issuer_key, fault, seen):
    with Imds(issuer_key) as imds:
        imds.fault = fault
        link = http.client.HTTPConnection("127.0.0.1", imds.port, timeout=1 if seen is TimeoutError else 20)

        def met():
            link.request("GET", query_of(imds))
            answer = link.getresponse()
            deadline = time.monotonic() + 1
            while part := answer.read(1) if fault.slow_s else answer.read():
                if fault.slow_s and time.monotonic() > deadline:
                    raise TimeoutError(part)
            return answer.status, answer.getheader("Retry-After")

        if isinstance(seen, tuple):
            assert met() == seen
        else:
            with pytest.raises(seen):
                met()
        assert len(imds.asked) == 1
