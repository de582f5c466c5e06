"""Whatever the description allows, and whatever it forbids, is answered as described, and never with a 5xx."""

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from crispnet.serve.application import description

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: the interface is not fuzzed")
from schemathesis import GenerationMode, checks  # noqa: E402

CHECKS = (
    *(checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance),
    *(checks.response_schema_conformance, checks.negative_data_rejection),
)
SCHEMA = schemathesis.openapi.from_dict(description())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]


@pytest.fixture(scope="module")
def photograph(server, small_raw):
    """A photograph that is really there."""
    with httpx.Client(base_url=f"{server.url}/api", timeout=240) as client:
        yield client.post("/photographs", content=small_raw.read_bytes()).json()["id"]
        for each in client.get("/photographs").json():
            client.delete(f"/photographs/{each['id']}")


def test_every_route_is_described():
    assert len(OPERATIONS) >= 15
    assert {"POST /api/photographs", "GET /api/photographs/{photograph}/proof", "POST /api/jobs"} <= {
        operation.label for operation in OPERATIONS
    }


TRIALS = [
    pytest.param(operation, mode, id=f"{operation.label} {mode.value}")
    for operation in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or [*operation.iter_parameters(), *operation.body]  # else nothing can be wrong
]


@pytest.mark.parametrize(("operation", "mode"), TRIALS)
def test_the_interface_is_as_described(operation, mode, server, photograph):
    real = operation.method.upper() != "DELETE"

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def hold(case):
        if real and mode is GenerationMode.POSITIVE and "photograph" in (case.path_parameters or {}):
            case.path_parameters["photograph"] = photograph
        case.call_and_validate(base_url=server.url, checks=CHECKS, timeout=240)

    hold()
