"""A run as one trace: what a collector gets of the command, of the engine and of what the engine runs."""

import json
from pathlib import Path

import pytest
import yaml

from atoll.core.errors import Exit
from harness.collector import attributes, collecting, collecting_by_grpc

pytestmark = pytest.mark.timeout(600)
TOKEN = "planted-token-of-the-collector"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def traced(up, monkeypatch):
    """The checkout with a collector that its commands send to."""
    checkout, _ = up
    with collecting() as collector:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "TRACEPARENT": CALLER}
        told["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer {TOKEN}"
        for name, value in told.items():
            monkeypatch.setitem(checkout.variables, name, value)
        yield checkout, collector


def _keys(checkout):
    """What opens each cluster."""
    for each in checkout.report("kubeconfig", "test"):
        user = yaml.safe_load(Path(each["path"]).read_text())["users"][0]["user"]
        yield user.get("client-key-data") or user["token"]


def test_a_command_and_the_engine_are_one_trace_of_its_caller(traced):
    checkout, collector = traced

    report = checkout.report("up", "test", "--check")

    spans = {span.span_id.hex(): span for _, span in collector.spans}
    trace, caller = CALLER.split("-")[1:3]
    assert {span.trace_id.hex() for span in spans.values()} == {trace} == {report["trace"]}
    (root,) = [span for span in spans.values() if span.parent_span_id.hex() == caller]
    assert root.name == "atoll up --check test"
    assert attributes(root) == {
        "atoll.command": "up --check",
        "atoll.environment": "test",
        "process.exit.code": Exit.DONE,
    }
    # Every span hangs from another one, up to the caller.
    assert all(span.parent_span_id.hex() in spans for span in spans.values() if span is not root)
    own = [span for service, span in collector.spans if service == "atoll"]
    assert {"prepare", "pulumi preview"} <= {span.name for span in own}
    (run,) = [span for span in own if span.name == "pulumi preview"]
    of_engine = [span for service, span in collector.spans if service == "pulumi-cli"]
    assert any(span.parent_span_id == run.span_id for span in of_engine)
    assert {service for service, _ in collector.spans} >= {"atoll", "pulumi-cli", "pulumi-sdk-python"}
    # Where the command spent its time is told by the engine's, resource by resource.
    assert len(of_engine) > len(own)

    assert {headers["authorization"] for headers in collector.headers} == {f"Bearer {TOKEN}"}
    sent = b"".join(collector.bodies)
    secrets = [TOKEN, checkout.variables["AWS_SECRET_ACCESS_KEY"], *_keys(checkout)]
    assert not [each for each in secrets if each.encode() in sent]
    assert b"PRIVATE KEY" not in sent


def test_an_error_is_in_the_trace_the_report_and_the_log_with_what_it_came_of(traced):
    checkout, collector = traced

    with checkout.environment("test").locked("up"):
        done = checkout.atoll("refresh", "test", "--format", "json", code=Exit.LOCKED)

    report = json.loads(done.stdout)
    (problem,) = report["problems"]
    (line,) = [json.loads(each) for each in done.stderr.splitlines()]
    ((_, root),) = collector.spans
    assert root.name == "atoll refresh test"
    assert attributes(root)["process.exit.code"] == Exit.LOCKED
    assert [event.name for event in root.events] == ["exception"]
    told = attributes(root.events[0])
    assert told["exception.type"] == line["error"] == "LockedError"
    assert told["exception.message"] == line["event"] == problem["text"]
    assert told["atoll.error.retryable"] is line["retryable"] is problem["retryable"] is True
    (cause,) = problem["wraps"]
    assert cause.startswith("BlockingIOError: ")
    assert line["wraps"] == [cause]
    assert line["trace_id"] == report["trace"] == root.trace_id.hex() == CALLER.split("-")[1]
    assert line["span_id"] == root.span_id.hex()


def test_a_trace_goes_by_grpc_where_the_variables_say_so(traced, monkeypatch):
    checkout, _ = traced
    with collecting_by_grpc() as collector:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        for name, value in told.items():
            monkeypatch.setitem(checkout.variables, name, value)
        checkout.atoll("recap", "tset", code=Exit.SETTINGS)

    ((service, root),) = collector.spans
    assert (service, root.name, attributes(root)["process.exit.code"]) == (
        "atoll",
        "atoll recap tset",
        Exit.SETTINGS,
    )
    assert {headers["authorization"] for headers in collector.headers} == {f"Bearer {TOKEN}"}


def test_a_collector_that_is_gone_is_a_warning(traced):
    checkout, _ = traced
    checkout.variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    checkout.variables["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1"

    try:
        done = checkout.atoll("recap", "test")
    finally:
        del checkout.variables["OTEL_EXPORTER_OTLP_TIMEOUT"]

    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: traces: ")


def test_the_whole_log_is_json_where_it_is_asked_for(up, monkeypatch):
    checkout, _ = up
    monkeypatch.setitem(checkout.variables, "ATOLL_LOG", "json")

    done = checkout.atoll("recap", "test")
    missed = checkout.atoll("recap", "tset", code=Exit.SETTINGS)

    assert "RECAP" in done.stdout
    assert done.stderr == ""
    (line,) = [json.loads(each) for each in missed.stderr.splitlines()]
    assert "Did you mean 'test'?" in line["event"]
    assert (line["level"], line["retryable"], line["exit"]) == ("error", False, Exit.SETTINGS)
    assert len(bytes.fromhex(line["trace_id"])) == 16
