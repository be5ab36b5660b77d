"""When a run is exported, what becomes of the engine's spans on their way, and what an error tells of its causes."""

import json
import subprocess
import sys
from typing import Any

import pytest
import typer
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceFlags

from atoll.automation import command_line, spans, tracing
from atoll.core.errors import AtollError, UnavailableError, of_system

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
SPAN: dict[str, Any] = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "parentSpanId": "00f067aa0ba902b7",
    "name": "register",
    "kind": 3,
    "startTimeUnixNano": "1700000000000000001",
    "endTimeUnixNano": "1700000000000000002",
    "attributes": [
        {"key": "urn", "value": {"stringValue": "password=hunter2"}},
        {"key": "code.stacktrace", "value": {"stringValue": "main\n\tmain.go:1"}},
        {"key": "tries", "value": {"intValue": "3"}},
        {"key": "args", "value": {"arrayValue": {"values": [{"stringValue": "token=abc"}]}}},
    ],
    "events": [
        {
            "name": "said",
            "timeUnixNano": "5",
            "attributes": [{"key": "a", "value": {"stringValue": "secret=s"}}],
        }
    ],
    "links": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "00f067aa0ba902b7"}],
    "status": {"code": 2, "message": "bearer abcdefghijkl"},
}


RUN = SpanContext(int(SPAN["traceId"], 16), 5, is_remote=False, trace_flags=TraceFlags(1))


def _line(*found):
    scope = {"scope": {"name": "pulumi-cli", "version": "3"}, "spans": list(found)}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "pulumi-cli"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}) + "\n"


@pytest.mark.parametrize(
    ("variables", "exported"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1"}, False),
    ],
)
def test_the_standard_variables_say_whether_a_run_is_exported(variables, exported):
    assert tracing.is_exported(variables) is exported


def test_a_span_of_the_engine_goes_on_whole_but_for_secrets_and_its_stack(tmp_path):
    path = tmp_path / "spans"
    path.write_text(_line(SPAN) + _line(SPAN)[:50])
    sent = InMemorySpanExporter()

    spans.forward(path, spans.Redacting(sent), RUN)

    (span,) = sent.get_finished_spans()
    assert span.context
    assert span.parent
    assert span.instrumentation_scope
    assert (span.name, span.kind, span.status.status_code) == (
        "register",
        SpanKind.CLIENT,
        StatusCode.ERROR,
    )
    assert (span.start_time, span.end_time) == (1700000000000000001, 1700000000000000002)
    assert f"{span.context.trace_id:032x}" == SPAN["traceId"]
    assert f"{span.context.span_id:016x}" == SPAN["spanId"]
    assert f"{span.parent.span_id:016x}" == SPAN["parentSpanId"]
    assert span.attributes == {"urn": "password=[redacted]", "tries": 3, "args": ["token=[redacted]"]}
    assert [(each.name, each.attributes) for each in span.events] == [("said", {"a": "secret=[redacted]"})]
    assert span.status.description == "bearer [redacted]"
    assert span.resource.attributes["service.name"] == "pulumi-cli"
    assert span.instrumentation_scope.name == "pulumi-cli"


def test_what_began_a_trace_of_its_own_is_part_of_the_run(tmp_path):
    path = tmp_path / "spans"
    other = {**SPAN, "traceId": "1" * 32}
    path.write_text(_line({**other, "parentSpanId": ""}, {**other, "spanId": "2" * 16}))
    sent = InMemorySpanExporter()

    spans.forward(path, sent, RUN)

    found = [json.loads(span.to_json()) for span in sent.get_finished_spans()]
    assert {each["context"]["trace_id"] for each in found} == {f"0x{SPAN['traceId']}"}
    assert [(each["context"]["span_id"], each["parent_id"]) for each in found] == [
        (f"0x{SPAN['spanId']}", f"0x{RUN.span_id:016x}"),
        (f"0x{'2' * 16}", f"0x{SPAN['parentSpanId']}"),
    ]


def test_many_spans_go_in_parts_until_one_is_not_taken(tmp_path):
    path = tmp_path / "spans"
    path.write_text("".join(_line(SPAN) for _ in range(1500)))
    parts = []

    class Tired(InMemorySpanExporter):
        def export(self, spans):
            parts.append(len(spans))
            return SpanExportResult.SUCCESS if len(parts) < 2 else SpanExportResult.FAILURE

    spans.forward(path, InMemorySpanExporter(), RUN)
    spans.forward(path, Tired(), RUN)

    assert parts == [512, 512]


def _exporter(*answers):
    """One that answers so, and what it was asked to send."""
    asked = []

    class Answering(InMemorySpanExporter):
        def export(self, spans):
            asked.append(spans)
            return answers[len(asked) - 1]

    return Answering(), asked


def test_a_collector_that_takes_nothing_is_left_alone_for_a_while():
    inner, asked = _exporter(SpanExportResult.SUCCESS, SpanExportResult.FAILURE, SpanExportResult.SUCCESS)
    times = iter([0.0, 1.0, 4.0, 5.0, 33.9, 34.0])
    resting = spans.Resting(inner, lambda: next(times))

    parts: list[list[Any]] = [[] for _ in range(5)]
    done = [resting.export(part) for part in parts]

    taken, not_taken = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
    assert done == [taken, not_taken, not_taken, not_taken, taken]
    assert [id(part) for part in asked] == [id(parts[number]) for number in (0, 1, 4)]


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, 3.0),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "10000"}, 10.0),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "10000", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "500"}, 0.5),
    ],
)
def test_a_timeout_is_told_in_milliseconds(variables, seconds):
    assert spans.timeout(variables) == seconds


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_variables_that_make_no_exporter_are_a_warning_and_the_command_goes_on(protocol, monkeypatch):
    told = {**ENDPOINT, "OTEL_EXPORTER_OTLP_TIMEOUT": "soon", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    complaints: list[str] = []

    with tracing.command(complaints.append, complaints.append):
        assert tracing.ids()

    (line,) = complaints
    assert line.startswith("traces: found OTEL_ variables that make no exporter (")
    assert "soon" in line


def test_an_interrupt_while_the_spans_are_on_their_way_leaves_the_end_as_it_is(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(tracing, "_exported", lambda _: tracing._Run(tracing._own_ids(), end=interrupted))
    for name, value in ENDPOINT.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as raised, tracing.command(print, print):
        sys.exit(7)

    assert raised.value.code == 7


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("recap dev", "recap"),
        ("secrets rotate dev", "secrets rotate"),
        ("lock show", "lock show"),
        ("secrets rotate --no-such-option", "secrets rotate"),
        ("secrets nothing", "secrets"),
        ("secrets", "secrets"),
    ],
)
def test_a_trace_has_the_whole_name_of_its_command(line, what, monkeypatch):
    told = []
    monkeypatch.setattr(tracing, "about", lambda **words: told.append(words))
    group = typer.main.get_group(command_line.app)
    context = group.make_context("atoll", line.split())

    group.resolve_command(context, line.split())

    assert told == [{"what": what}]


def test_a_command_that_nobody_traces_loads_no_opentelemetry():
    script = (
        "import sys; from atoll.automation import command_line; "
        "assert not {'opentelemetry', 'structlog', 'logging.config'} & set(sys.modules), sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-500:]


def test_an_error_tells_what_it_came_of_without_secrets():
    def chain():
        try:
            try:
                int("token=abc")
            except ValueError as error:
                raise UnavailableError("registry: no answer") from error
        except UnavailableError as error:
            raise AtollError("push: failed") from error

    with pytest.raises(AtollError) as raised:
        chain()

    assert raised.value.wraps == (
        "registry: no answer",
        "ValueError: invalid literal for int() with base 10: 'token=[redacted]'",
    )
    assert AtollError("alone").wraps == ()


def test_a_cause_that_was_hidden_stays_so_and_a_ring_ends():
    hidden, ring = AtollError("a"), AtollError("b")
    hidden.__context__, hidden.__suppress_context__ = ValueError("x"), True
    ring.__cause__ = ValueError("y")
    ring.__cause__.__cause__ = ring

    assert hidden.wraps == ()
    assert ring.wraps == ("ValueError: y",)


def test_what_a_machine_lacks_names_the_system_s_own_error():
    found = of_system(OSError(28, "No space left on device", "/var/lib/a"))

    assert found is not None
    assert found.wraps == ("OSError: [Errno 28] No space left on device: '/var/lib/a'",)
