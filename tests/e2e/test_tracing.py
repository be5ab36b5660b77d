"""A run as one trace: what a collector gets of the command, of the engine and of what the engine runs."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from atoll.core.errors import Exit
from e2e import looking
from harness.collector import attributes, collecting, collecting_by_grpc, stalling
from harness.waiting import until

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
        done = checkout.atoll("refresh", "test", "--wait", "1s", "--format", "json", code=Exit.LOCKED)

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
    # That it was in vain to wait came of who is at work.
    assert problem["text"].startswith(f"{cause} Waited ")
    assert line["wraps"] == [cause]
    assert line["trace_id"] == report["trace"] == root.trace_id.hex() == CALLER.split("-")[1]
    assert line["span_id"] == root.span_id.hex()


def test_a_trace_goes_by_grpc_where_the_variables_say_so(traced, monkeypatch):
    checkout, _ = traced
    with collecting_by_grpc() as collector:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        for name, value in told.items():
            monkeypatch.setitem(checkout.variables, name, value)
        failed = checkout.atoll("secrets", "rotate", "tset", code=Exit.SETTINGS)

    ((service, root),) = collector.spans
    assert (service, root.name, attributes(root)["process.exit.code"]) == (
        "atoll",
        "atoll secrets rotate tset",
        Exit.SETTINGS,
    )
    # Who reads it finds the trace.
    assert failed.stderr.splitlines()[-1] == f"trace: {root.trace_id.hex()}"
    assert {headers["authorization"] for headers in collector.headers} == {f"Bearer {TOKEN}"}


def test_a_collector_that_is_gone_is_a_warning(traced):
    checkout, _ = traced
    checkout.variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    checkout.variables["OTEL_EXPORTER_OTLP_TIMEOUT"] = "500"

    try:
        done = checkout.atoll("recap", "test")
    finally:
        del checkout.variables["OTEL_EXPORTER_OTLP_TIMEOUT"]

    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: traces: ")


def _interrupted(checkout):
    """A run that is interrupted while its engine is at work, and ends in order; the lines of its log."""
    run = subprocess.Popen(
        [checkout.command, "drift", "test", "--format", "ndjson"],
        cwd=checkout.folder,
        env=checkout.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    assert run.stderr
    # The engine tells of what it has looked at.
    while json.loads(run.stdout.readline())["type"] != "result":
        pass
    (engine,) = looking.workers(checkout.environment("test").folder)["pulumi"]
    # It cannot have ended before it is asked to.
    engine.suspend()
    run.send_signal(signal.SIGINT)
    lines: list[dict[str, Any]] = []
    while not lines or not lines[-1]["event"].startswith("interrupted: the engine ends what it has begun"):
        lines.append(json.loads(run.stderr.readline()))
    engine.resume()
    answer, rest = run.communicate()

    assert run.returncode == Exit.INTERRUPTED, rest
    assert json.loads(answer.splitlines()[-1])["exit"] == Exit.INTERRUPTED
    lines += [json.loads(line) for line in rest.splitlines()]
    assert any("the engine ended in order" in line["event"] for line in lines)
    return lines


def test_a_run_that_is_interrupted_ends_its_trace(traced):
    checkout, collector = traced

    lines = _interrupted(checkout)

    trace, caller = CALLER.split("-")[1:3]
    assert {line["trace_id"] for line in lines} == {trace}
    spans = {span.span_id.hex(): (service, span) for service, span in collector.spans}
    (root,) = [span for _, span in spans.values() if span.parent_span_id.hex() == caller]
    assert (root.name, attributes(root)["process.exit.code"]) == ("atoll drift test", Exit.INTERRUPTED)
    assert root.status.code == root.status.STATUS_CODE_ERROR
    # Its parts have ended too, the engine's among them.
    assert all(span.end_time_unix_nano <= root.end_time_unix_nano for _, span in spans.values())
    assert all(span.parent_span_id.hex() in spans for _, span in spans.values() if span is not root)
    (run,) = [span for _, span in spans.values() if span.name == "pulumi refresh"]
    of_engine = [span for service, span in spans.values() if service == "pulumi-cli"]
    assert any(span.parent_span_id == run.span_id for span in of_engine)


def test_a_collector_that_does_not_answer_delays_no_interrupt_for_long(traced):
    checkout, _ = traced
    with stalling() as (endpoint, waited):
        checkout.variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
        lines = _interrupted(checkout)

        until(lambda: waited, "it was asked")
    # The SDK's own limit is 10 s.
    assert max(waited) < 8
    assert sum(line["event"].startswith("traces: ") for line in lines) == 1


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


def test_the_whole_log_has_each_change_with_the_trace_of_the_report(up, monkeypatch):
    checkout, _ = up
    monkeypatch.setitem(checkout.variables, "ATOLL_LOG", "json")
    with checkout.edited("test", lambda it: it.update(vars={"logLevel": "debug"})):
        done = checkout.atoll("up", "test", "--check", "--json", code=Exit.CHANGES)

    report, lines = json.loads(done.stdout), [json.loads(each) for each in done.stderr.splitlines()]
    told = {(each["urn"], each["event"], each["cluster"]) for each in lines if "urn" in each}
    assert told == {(each["urn"], each["verb"], each["cluster"]) for each in report["changes"]}
    assert told
    assert {each["level"] for each in lines} == {"info"}
    assert {each["trace_id"] for each in lines} == {report["trace"]}
