"""What is said while it waits, how often, and how long a bounded run waits. A minute, so it has a file of its own."""

import re
import time
from datetime import datetime

from harness.deployment import wait_not_ready
from harness.fault_proxy import Fault
from harness.service import free_port, wait_until

BROKERS_AWAITED = " warning waiting for the brokers"
UPLOADS_FAIL = " error uploads fail and are tried again, nothing is lost"


def test_who_waits_says_so_every_30_s_and_a_bounded_run_waits_a_minute(deployment, kafka, azurite, proxy):
    """Three at once, as each takes its time: a service and a bounded run without brokers, and a service whose store refuses
    it for good."""
    deployed, nobody = deployment(kafka, azurite), deployment(kafka)
    topic = kafka.create_topic(1)
    refused = deployed.penstock(deployed.config([topic], port=proxy.port)).start()
    forbidden = Fault(lambda request: request.is_data_write, count=10**6, status=403, code="AuthorizationPermissionMismatch")
    proxy.add(forbidden)
    deployed.send(topic, 1, 50)
    config = nobody.config([topic], {"source": {"brokers": [f"127.0.0.1:{free_port()}"]}})
    service, bounded = nobody.penstock(config, stage="service"), nobody.penstock(config, "--exit-at-end", stage="bounded")
    service.service.start()
    bounded.service.start()
    began = time.monotonic()

    wait_not_ready(refused, "uploads fail", "AuthorizationPermissionMismatch")
    wait_not_ready(service, "waiting for the brokers")
    wait_until(lambda: len(said_at(refused, UPLOADS_FAIL)) == 2, 60, "the store's refusal is told again")
    assert len(forbidden.requests) > 5, "it is tried on"
    assert not deployed.landed() and deployed.entry(topic)[0] <= 0, "nothing is published or committed"
    assert refused.get("/readyz")[0] == 503 and refused.get("/healthz")[0] == 200
    proxy.clear()

    assert bounded.wait(100) == 1
    assert 58 < time.monotonic() - began
    assert "gave up after a minute" in bounded.output.splitlines()[-1]
    assert service.service.running and service.get("/readyz")[0] == 503
    for penstock, pattern in ((service, BROKERS_AWAITED), (bounded, BROKERS_AWAITED), (refused, UPLOADS_FAIL)):
        at = said_at(penstock, pattern)
        assert len(at) >= 2, penstock.output
        assert all(29 < later - earlier < 45 for earlier, later in zip(at, at[1:])), at
    assert service.terminate() == 0

    deployed.wait_landed(130)  # what is refused for good is tried every two minutes at last
    wait_until(lambda: refused.get("/readyz")[0] == 200, 20, "ready again")
    assert refused.terminate() == 0
    deployed.assert_finished(topic, {0: 50})


def said_at(penstock, pattern: str) -> list[float]:
    """When the lines with this pattern were written, in seconds."""
    return [datetime.fromisoformat(line.split()[0]).timestamp() for line in penstock.output.splitlines()
            if re.search(pattern, line)]
