"""Spans on their way out: those of the engine are read from its file, and all of them go through the one filter.

Source: OTLP's JSON encoding (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"): ids in hexadecimal, whole
numbers of 64 bits as strings.
"""

import importlib.metadata
import itertools
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from atoll.core import naming, redaction

_HEXADECIMAL = 16
_TIMEOUT, _A_SECOND = 3000.0, 1000
"""Milliseconds: the default is 10,000, which is long for who waits for a command to end."""
_REST = 30.0
"""Seconds for which a collector that did not answer is left alone: each trial waits for the whole timeout."""
_AT_ONCE = 512
"""Spans in one request: the default of OTEL_BSP_MAX_EXPORT_BATCH_SIZE."""
_STACK = "code.stacktrace"
"""Where in the engine's source each of its spans began: two thirds of what it writes, and of no use to who runs it."""


def exporter(variables: Mapping[str, str], complain: Callable[[str], None]) -> SpanExporter:
    """What sends spans as the standard variables say; the SDK reads from them all but protocol and timeout itself.

    `complain` is told once what hinders it: no command fails for want of a collector.
    """
    log = logging.getLogger("opentelemetry")
    log.addHandler(_Complaining(complain))
    log.propagate = False
    limit = timeout(variables)
    protocol = variables.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or variables.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc  # noqa: PLC0415 - who sends over HTTP needs no gRPC

        return Resting(Redacting(grpc.OTLPSpanExporter(timeout=limit)))
    if protocol not in {None, "http/protobuf"}:
        complain(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: found {protocol}; expected grpc or http/protobuf, which is taken"
        )
    from opentelemetry.exporter.otlp.proto.http import trace_exporter as http  # noqa: PLC0415 - who sends by gRPC needs none

    return Resting(Redacting(http.OTLPSpanExporter(timeout=limit)))


def timeout(variables: Mapping[str, str]) -> float:
    """For how many seconds one request may take; the variables say milliseconds.

    Raises:
        ValueError: they say no number.
    """
    # Read here since the SDK takes them for seconds: github.com/open-telemetry/opentelemetry-python/issues/4044.
    told = variables.get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT") or variables.get("OTEL_EXPORTER_OTLP_TIMEOUT")
    return (float(told) if told else _TIMEOUT) / _A_SECOND


def provider(variables: Mapping[str, str], exporter: SpanExporter) -> TracerProvider:
    """What makes the command's own spans."""
    told = {"service.version": importlib.metadata.version(naming.PACKAGE)}
    if "OTEL_SERVICE_NAME" not in variables and "service.name=" not in variables.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        told["service.name"] = naming.PACKAGE
    # The command ends it, an interrupt too.
    made = TracerProvider(resource=Resource.create(told), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


class _Complaining(logging.Handler):
    """Passes on the first thing that the SDK has to say; what follows is the same again."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._complain, self._told = complain, False

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a record of the SDK's log."""
        if not self._told:
            self._told = True
            self._complain(redaction.redact(f"traces: {' '.join(record.getMessage().split())}"))


class Redacting(SpanExporter):
    """An exporter before which every text of a span is redacted."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends spans, redacted."""
        return self._inner.export([_redacted(span) for span in spans])

    def shutdown(self) -> None:
        """Ends the exporter behind it."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Has the exporter behind it send what it still holds."""
        return self._inner.force_flush(timeout_millis)


class Resting(SpanExporter):
    """An exporter that leaves the collector alone for a while after it took nothing. `clock` is in seconds."""

    def __init__(self, inner: SpanExporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner, self._clock = inner, clock
        self._until = 0.0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends spans, or drops them for now."""
        if self._clock() < self._until:
            return SpanExportResult.FAILURE
        done = self._inner.export(spans)
        if done is not SpanExportResult.SUCCESS:
            self._until = self._clock() + _REST
        return done

    def shutdown(self) -> None:
        """Ends the exporter behind it."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Has the exporter behind it send what it still holds."""
        return self._inner.force_flush(timeout_millis)


def forward(path: Path, exporter: SpanExporter, under: SpanContext) -> None:
    """Sends what an engine wrote into its file, all of it in the trace of the span that it ran `under`.

    A line that a killed one left half tells nothing.
    """
    found = (_grafted(span, under) for span in read(path))
    while some := list(itertools.islice(found, _AT_ONCE)):
        if exporter.export(some) is not SpanExportResult.SUCCESS:
            # Who takes nothing now takes nothing a moment later.
            return


def read(path: Path) -> Iterator[ReadableSpan]:
    """The spans in a file of OTLP's JSON, a request on each line."""
    with path.open() as stream:
        for line in stream:
            try:
                request = json.loads(line)
            except ValueError:
                continue
            for each in request.get("resourceSpans", ()):
                yield from _of_resource(each)


def _of_resource(told: Mapping[str, Any]) -> Iterator[ReadableSpan]:
    resource = Resource(_attributes(told.get("resource", {})))
    for group in told.get("scopeSpans", ()):
        scope = group.get("scope", {})
        named = InstrumentationScope(scope.get("name", ""), scope.get("version"))
        for span in group.get("spans", ()):
            yield _span(span, resource, named)


def _span(told: Mapping[str, Any], resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    parent = told.get("parentSpanId")
    status = told.get("status", {})
    code = StatusCode(status.get("code", 0))
    return ReadableSpan(
        told["name"],
        _context(told["traceId"], told["spanId"]),
        _context(told["traceId"], parent) if parent else None,
        resource,
        _attributes(told),
        [_event(each) for each in told.get("events", ())],
        [
            Link(_context(each["traceId"], each["spanId"]), _attributes(each))
            for each in told.get("links", ())
        ],
        # The protocol counts from an unspecified one, the SDK from an internal one.
        SpanKind(max(told.get("kind", 1) - 1, 0)),
        status=Status(code, status.get("message") if code is StatusCode.ERROR else None),
        start_time=int(told["startTimeUnixNano"]),
        end_time=int(told["endTimeUnixNano"]),
        instrumentation_scope=scope,
    )


def _grafted(span: ReadableSpan, under: SpanContext) -> ReadableSpan:
    """A span of the trace as it is; one that began a trace of its own becomes a part of it.

    The engine opens secrets (gocloud.dev/secrets) without telling for whom.
    """
    context, parent = span.get_span_context(), span.parent
    if context is None or context.trace_id == under.trace_id:
        return span
    moved = under if parent is None else _moved(parent, under)
    return _remade(span, _moved(context, under), moved)


def _moved(context: SpanContext, under: SpanContext) -> SpanContext:
    return SpanContext(under.trace_id, context.span_id, is_remote=False, trace_flags=under.trace_flags)


def _context(trace: str, span: str) -> SpanContext:
    sampled = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(
        int(trace, _HEXADECIMAL), int(span, _HEXADECIMAL), is_remote=False, trace_flags=sampled
    )


def _event(told: Mapping[str, Any]) -> Event:
    return Event(told.get("name", ""), _attributes(told), int(told.get("timeUnixNano", 0)))


def _attributes(told: Mapping[str, Any]) -> dict[str, Any]:
    found = {each["key"]: _value(each.get("value", {})) for each in told.get("attributes", ())}
    return {name: value for name, value in found.items() if name != _STACK}


def _value(told: Mapping[str, Any]) -> Any:
    """An attribute's value; one of a kind that the SDK has none for stays as its JSON."""
    for kind, value in told.items():
        match kind:
            case "stringValue" | "boolValue" | "doubleValue":
                return value
            case "intValue":
                return int(value)
            case "arrayValue":
                return [_value(each) for each in value.get("values", ())]
            case _:
                return json.dumps(value)
    return ""


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return _remade(span, span.get_span_context(), span.parent)


def _remade(span: ReadableSpan, context: SpanContext | None, parent: SpanContext | None) -> ReadableSpan:
    """A span in its place, redacted."""
    status = span.status
    described = redaction.redact(status.description) if status.description else None
    return ReadableSpan(
        redaction.redact(span.name),
        context,
        parent,
        span.resource,
        _clean(span.attributes),
        [Event(each.name, _clean(each.attributes), each.timestamp) for each in span.events],
        [Link(each.context, _clean(each.attributes)) for each in span.links],
        span.kind,
        status=Status(status.status_code, described),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _clean(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _shown(value) for name, value in (attributes or {}).items()}


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return redaction.redact(value)
    if isinstance(value, Sequence):
        return [_shown(each) for each in value]
    return value
