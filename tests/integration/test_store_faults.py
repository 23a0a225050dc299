"""A store that asks to slow down, one that refuses the files of one topic for good, and every operation times every fault."""

import contextlib

from harness.at_once import all_of
from harness.deployment import is_claim, wait_not_ready, wait_said
from harness.fault_proxy import Fault, FaultProxy, Rate, is_blob_commit, is_put_block
from harness.penstock import run_command
from harness.service import wait_until


# A store that asks to slow down

def test_a_store_that_takes_so_many_requests_a_second(deployment, kafka, azurite, proxy):
    """Two workers have more to send than the store takes. The whole process sends less, everything lands, and then it is
    quick again."""
    deployed = deployment(kafka, azurite)
    topics = [kafka.create_topic(2) for _ in range(6)]
    for topic in topics:
        deployed.send(topic, 2, 1000, size=500)
    penstock = deployed.penstock(deployed.config(topics, {
        "runtime": {"workers": 2}, "batch": {"max_age": "1s", "group_by": "partition"},
        "sink": {"connections": 8, "block_bytes": "256KiB"}}, proxy.port))
    rate = proxy.rate = Rate(8)
    penstock.service.start()
    wait_until(lambda: penstock.get("/readyz")[0] and penstock.has_workers(), 30, "it has workers", 0.05)
    seen = []

    def slowed() -> bool:
        seen.append(penstock.metric("penstock_store_request_limit"))
        return 0 < seen[-1] <= 8
    wait_until(slowed, 30, "both workers together send half as much or less", 0.05)
    wait_said(penstock, "503 ServerBusy: the service asks to slow down")
    deployed.wait_landed(90)
    # What is in the lake may not have been answered yet.
    wait_until(lambda: penstock.metric("penstock_store_requests_in_flight") == 0, 30, "every request is answered")
    throttled = penstock.metric("penstock_store_throttled_total", code="503 ServerBusy")
    assert throttled == rate.refused > 0, "each refusal is counted"
    assert penstock.metric("penstock_put_retries_total", reason="throttled") == throttled, "and nothing was given up"
    taken = sum(request.status == 201 for request in proxy.seen(lambda request: request.is_data_write))
    assert throttled <= 1.5 * taken, f"it goes on knocking: {throttled} refused, {taken} taken"

    proxy.rate = None
    def recovered() -> bool:
        deployed.send(topics[0], 2, 1)
        return penstock.metric("penstock_store_request_limit") == 16
    wait_until(recovered, 60, "all connections are used again", 1)
    deployed.wait_landed()
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    for topic in topics[1:]:
        deployed.assert_finished(topic, {0: 1000, 1: 1000})


def test_a_pause_that_the_store_asks_for_is_kept_by_all(deployment, kafka, azurite, proxy):
    deployed = deployment(kafka, azurite)
    topics = [kafka.create_topic(1) for _ in range(3)]
    fault = Fault(is_blob_commit, status=503, headers={"Retry-After": "6"})
    proxy.add(fault)
    penstock = deployed.penstock(deployed.config(topics, port=proxy.port)).start()
    deployed.send(topics[0], 1, 10)
    wait_until(lambda: fault.requests, 30, "it was told to wait", 0.02)
    for topic in topics:
        deployed.send(topic, 1, 10)
    wait_not_ready(penstock, "asks for a pause of 6 s")
    deployed.wait_landed()
    told = fault.requests[0]
    later = [request.at - told.at for request in proxy.seen(is_blob_commit) if request.at > told.at + 1]
    assert later and min(later) >= 6, f"the first request came after {min(later):.1f} s"
    assert penstock.terminate() == 0
    deployed.assert_exactly()


# A topic whose files are refused

def test_a_topic_whose_files_are_refused_stops_alone(deployment, kafka, azurite, proxy):
    """No right to one path. The other topic goes on, the group is kept, the refused one waits in Kafka and is tried ever
    less often. When the right is there, it lands."""
    deployed = deployment(kafka, azurite)
    bad, good = kafka.create_topic(2), kafka.create_topic(2)
    fault = Fault(lambda request: f"/{bad}/" in request.path, count=1_000_000, status=403,
                  code="AuthorizationPermissionMismatch")
    proxy.add(fault)
    penstock = deployed.penstock(deployed.config([bad, good], port=proxy.port)).start()
    assert penstock.metric("penstock_topic_refused", topic=bad) == 0

    def go_on(count: int = 20):
        deployed.send(bad, 2, count)
        deployed.send(good, 2, count)
        blobs = penstock.metric("penstock_topic_blobs_total", topic=good)
        wait_until(lambda: penstock.metric("penstock_topic_blobs_total", topic=good) > blobs, 20, "the other topic lands", 0.1)
    go_on(200)
    wait_not_ready(penstock, f"uploads fail for topic {bad}", "403 AuthorizationPermissionMismatch", "sp=rcwl")
    said = f"topic {bad} is not read until the store takes its files"
    wait_until(lambda: go_on() or said in penstock.output, 60, "it is not read any more", 0.5)
    assert penstock.metric("penstock_topic_refused", topic=bad) == 1
    assert penstock.metric("penstock_topic_refused", topic=good) == 0
    received = penstock.metric("penstock_records_received_total")
    go_on()
    deployed.send(bad, 2, 500)
    go_on()
    assert penstock.metric("penstock_records_received_total") - received == 80, "only the other topic is read"
    assert penstock.metric("penstock_assigned_partitions") == 4
    assert penstock.metric("penstock_topic_blobs_total", topic=bad) == 0
    for partition in range(2):  # there may be a claim
        offset, metadata = deployed.entry(bad, partition)
        assert offset <= 0, f"committed up to {offset}"
    gaps = [later.at - former.at for former, later in zip(fault.requests, fault.requests[1:])]
    assert len(fault.requests) <= 16 and max(gaps[-2:]) > 3, f"its pauses grow: {[round(gap, 1) for gap in gaps]}"

    proxy.remove(fault)
    deployed.wait_landed(90)
    wait_until(lambda: penstock.metric("penstock_topic_refused", topic=bad) == 0, 10, "it is refused no more")
    wait_until(lambda: penstock.get("/readyz")[0] == 200, 15, "ready again")
    assert f"topic {bad} is read again" in penstock.output
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    for topic in (bad, good):
        for partition in range(2):
            assert not is_claim(deployed.entry(topic, partition)[1])
    deployed.verify(penstock)


def test_a_store_that_refuses_everything_at_the_start_ends_it(deployment, kafka, azurite, proxy):
    deployed = deployment(kafka, azurite)
    proxy.add(Fault(lambda _: True, count=1000, status=403, code="AccountIsDisabled"))
    penstock = deployed.penstock(deployed.config([kafka.create_topic(1)], port=proxy.port))
    penstock.service.start()
    penstock.ends_with(1, "403 AccountIsDisabled", "the storage account is disabled")


# Every operation times every fault

PAGE = b"<!DOCTYPE html><title>Log in</title>"
# What is done to one request. Whatever it is, the caller asks again, or asks whose blob it is.
FAULTS = {
    "reset before": {"reset": True},
    "reset after": {"lose_reply": True},
    "head cut": {"cut_reply": 30},
    "400 header": {"status": 400, "code": "InvalidHeaderValue"},
    "400 no code": {"status": 400, "code": ""},
    "401": {"status": 401, "code": "InvalidAuthenticationInfo"},
    "403 clock": {"status": 403, "code": "AuthenticationFailed"},
    "403 role": {"status": 403, "code": "AuthorizationPermissionMismatch"},
    "403 network": {"status": 403, "code": "AuthorizationFailure"},
    "403 page": {"status": 403, "code": "", "body": PAGE},
    "404 container": {"status": 404, "code": "ContainerNotFound"},
    "407": {"status": 407, "code": ""},
    "409 deleting": {"status": 409, "code": "ContainerBeingDeleted"},
    "409 exists": {"status": 409, "code": "BlobAlreadyExists"},
    "409 no code": {"status": 409, "code": ""},
    "412": {"status": 412, "code": "ConditionNotMet"},
    "413": {"status": 413, "code": "RequestBodyTooLarge"},
    "429": {"status": 429, "code": ""},
    "500": {"status": 500, "code": "InternalError"},
    "500 slow": {"status": 500, "code": "OperationTimedOut"},
    "502 page": {"status": 502, "code": "", "body": PAGE},
    "503": {"status": 503},
    "302": {"status": 302, "code": "", "headers": {"Location": "http://127.0.0.1:1/"}},
    "200 page": {"status": 200, "code": "", "body": PAGE},
}
# Its connection is given up after 30 s, and until then it has one of the few places that a busy store leaves: one is enough.
SILENT = {"silent": {"silent": True}}
OF_BODIES = {"slow": {"delay_s": 3}, "crc refused": {"status": 400, "code": "Crc64Mismatch"}}
OF_BLOCKS = {**OF_BODIES, "crc wrong": {"changed": {"x-ms-content-crc64": "AAAAAAAAAAA="}}}
OF_LISTS = {"blocks gone": {"status": 400, "code": "InvalidBlockList"}}
OPERATIONS = {
    "Put Blob": (lambda request: is_blob_commit(request) and "comp=" not in request.path, 1000, {**FAULTS, **OF_BODIES, **SILENT}),
    "Put Block": (is_put_block, 600_000, {**FAULTS, **OF_BLOCKS}),
    "Put Block List": (lambda request: "comp=blocklist" in request.path, 600_000, {**FAULTS, **OF_LISTS}),
    # Asked for after an answer that was lost; what it says of 404 is true then: never.
    "Get Blob Properties": (lambda request: request.method == "HEAD", 1000, FAULTS),
}


def test_every_operation_times_every_fault_loses_and_doubles_nothing(deployment, kafka, azurite, proxy):
    """A topic for each, so that each meets its own and all run at the same time. What is short is done twice."""
    deployed = deployment(kafka, azurite)
    cells = {}
    for operation, (matches, size, faults) in OPERATIONS.items():
        for name, what in faults.items():
            topic = kafka.create_topic(1)
            def at(request, topic=topic, matches=matches) -> bool:
                return f"/{topic}/" in request.path and matches(request)
            cells[operation, name] = topic, Fault(at, count=1 if "silent" in what else 2, **what)
            proxy.add(cells[operation, name][1])
            if operation == "Get Blob Properties":
                proxy.add(Fault(lambda request, topic=topic: is_blob_commit(request) and f"/{topic}/" in request.path,
                                lose_reply=True))
            deployed.send(topic, 1, max(size // 1000, 3), size=min(size, 1000))
    topics = [topic for topic, _ in cells.values()]
    penstock = deployed.penstock(deployed.config(topics, {
        "sink": {"connections": 16, "block_bytes": "256KiB"}}, proxy.port)).start()
    deployed.wait_landed(150)
    finished = {topic: sum(line.startswith(f"{topic}/".encode()) for line in deployed.sent) for topic in topics}
    for topic, offset in finished.items():
        wait_until(lambda topic=topic, offset=offset: (lambda entry: entry[0] == offset and not is_claim(entry[1]))(
            deployed.entry(topic)), 60, f"{topic} is finished", 0.2)
    not_done = [cell for cell, (_, fault) in cells.items() if not fault.requests]
    assert not not_done, f"these never happened: {not_done}"
    assert_each_is_counted(penstock, [(operation, what, cells[operation, name][1])
                                      for operation, (_, _, faults) in OPERATIONS.items() for name, what in faults.items()])
    assert penstock.terminate() == 0
    deployed.assert_exactly()
    deployed.verify(penstock)
    assert "sig=" not in penstock.output


def assert_each_is_counted(penstock, faults: list[tuple[str, dict, Fault]]):
    """No class of failure is without a trace in a metric: by its code, and all in their number. What breaks on a connection
    that was kept libcurl may repeat by itself, so those are not in the number."""
    for operation, what, _ in faults:
        code = what.get("code", "ServerBusy")
        if "status" in what and code:
            assert penstock.metric("penstock_store_errors_total", code=f"{what['status']} {code}") > 0, operation
    met = sum(len(fault.requests) for _, what, fault in faults if what.keys() & {"status", "changed", "silent"})
    assert penstock.metric("penstock_store_errors_total") >= met


OF_READING = {name: FAULTS[name] for name in
              ("reset before", "reset after", "head cut", "429", "500", "500 slow", "502 page", "503", "409 deleting")}
REFUSING = {"403 role": "sp=rcwl", "403 page": "something in between", "404 container": "create the container",
            "302": "see whether sink.url is right", "407": "https_proxy"}


def reading_faults(topic: str) -> list[tuple[str, dict, str | None]]:
    """By name: what is done to a listing or a read, and what `verify` says then; None: that all is well."""
    lists = {"matches": lambda request: "comp=list" in request.path}
    gets = {"matches": lambda request: request.method == "GET" and f"/{topic}/" in request.path}
    both = (("List", lists), ("Get", gets))
    found = [(f"{operation}, {name}", {**at, **what}, None) for name, what in OF_READING.items() for operation, at in both]
    found += [("List, body cut", {**lists, "cut_reply": 700}, None), ("Get, body cut", {**gets, "cut_reply": 900}, None)]
    found += [(f"{operation}, {name}", {**at, **FAULTS[name]}, words) for name, words in REFUSING.items() for operation, at in both]
    # It is asked again, up to so often.
    found += [(f"List, 200 {body!r}", {**lists, "status": 200, "code": "", "body": body, "count": 5}, "")
              for body in (PAGE, b"<EnumerationResults><Blobs>", b"")]
    return found


def test_verify_meets_every_fault_of_list_and_get(deployment, kafka, azurite):
    """What passes is asked again. What does not is told, and is never taken for an empty lake or a shorter blob."""
    deployed = deployment(kafka, azurite)
    topic = kafka.create_topic(1)
    deployed.send(topic, 1, 100)
    penstock = deployed.penstock(deployed.config([topic]), "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(60) == 0, penstock.output

    def verified(_, what: dict, words: str | None, proxy: FaultProxy, file):
        fault = Fault(**what)
        proxy.add(fault)
        done = run_command("verify", "--config", file, "--deep")
        assert fault.requests, "it never happened"
        if words is None:
            assert done.returncode == 0 and "every record once" in done.stdout, done.stdout + done.stderr
        else:
            assert done.returncode not in (0, 3) and "every record once" not in done.stdout, done
            assert words in done.stdout + done.stderr, done
    with contextlib.ExitStack() as ends:
        jobs = []
        for name, what, words in reading_faults(topic):
            proxy = FaultProxy(azurite.port)
            ends.callback(proxy.down)
            jobs.append((name, what, words, proxy, deployed.penstock(deployed.config([topic], port=proxy.port)).file))
        all_of(jobs, verified, 4)
