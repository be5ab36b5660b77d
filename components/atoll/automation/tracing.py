"""A command as a trace: its own spans and the engine's, sent by OTLP where the standard variables say so.

What they do not say costs nothing: OpenTelemetry is loaded by a run that is exported, and by no other.
Source: opentelemetry.io/docs/specs, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter"; W3C Trace Context.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from atoll.core import naming, redaction
from atoll.core.errors import AtollError, Exit

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

_PARENT = "TRACEPARENT"
_PARENTS = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_NAMES = {"what": "command", "environment": "environment"}
_FINE = {Exit.DONE, Exit.CHANGES, Exit.DRIFT}


@dataclass(frozen=True)
class Ids:
    """Which trace and which span something belongs to, in hexadecimal."""

    trace: str
    span: str


@dataclass(frozen=True)
class EngineTraces:
    """What makes an engine take part in the trace: options of its command, and variables."""

    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Run:
    """The command that runs. Its open spans, the innermost last, are of the main thread alone.

    Without a `tracer` nothing is exported, and `ids` are its own.
    """

    ids: Ids
    tracer: "Tracer | None" = None
    exporter: "SpanExporter | None" = None
    end: Callable[[], None] = lambda: None
    open: list["Span"] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)


_runs: list[_Run] = []
"""The command that runs, where there is one: threads tell of it too, so that it is the process's and not a context's."""


def is_exported(variables: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces by OTLP; without any of them nothing is sent."""
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if named := variables.get("OTEL_TRACES_EXPORTER"):
        return "otlp" in [name.strip() for name in named.split(",")]
    return bool(
        variables.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or variables.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    )


@contextlib.contextmanager
def command(complain: Callable[[str], None], mention: Callable[[str], None]) -> Iterator[None]:
    """The root span of a command, from its beginning to its exit code.

    `complain` tells what hinders the export, `mention` where to look after a command that failed.
    """
    run = _exported(complain) if is_exported(os.environ) else _Run(_own_ids())
    _runs.append(run)
    try:
        if run.tracer is None:
            yield
        else:
            with _spanning(run, naming.PACKAGE, {}), _ending(run, mention):
                yield
    finally:
        _runs.remove(run)
        # Who interrupts now does not want to wait for a collector; how the command ended is settled.
        with contextlib.suppress(KeyboardInterrupt):
            run.end()


def _exported(complain: Callable[[str], None]) -> _Run:
    from atoll.automation import spans  # noqa: PLC0415 - loads the SDK

    try:
        exporter = spans.exporter(os.environ, complain)
        provider = spans.provider(os.environ, exporter)
    except (OSError, ValueError) as error:
        complain(f"traces: found OTEL_ variables that make no exporter ({error}); expected some that do")
        return _Run(_own_ids())
    return _Run(_own_ids(), provider.get_tracer(naming.PACKAGE), exporter, provider.shutdown)


def about(**words: str) -> None:
    """Tells the root span `what` the command is, or the `environment` that it is about, as soon as it is known."""
    if run := _exporting():
        run.words.update(words)
        told = [run.words[name] for name in ("what", "environment") if run.words.get(name)]
        run.open[0].update_name(" ".join([naming.PACKAGE, *told]))
        run.open[0].set_attributes({f"atoll.{_NAMES[name]}": word for name, word in words.items()})


def failed(error: AtollError) -> None:
    """Tells the root span of the error that ends the command."""
    if run := _exporting():
        told: dict[str, str | bool | tuple[str, ...]] = {
            "exception.type": type(error).__name__,
            "exception.message": str(error),
            "atoll.error.wraps": error.wraps,
        }
        if error.retry is not None:
            told["atoll.error.retryable"] = error.retry
        run.open[0].add_event("exception", told)


@contextlib.contextmanager
def span(name: str, **attributes: str) -> Iterator[None]:
    """Some part of the command, where it is traced; a decorator too."""
    if run := _exporting():
        with _spanning(run, name, attributes):
            yield
    else:
        yield


@contextlib.contextmanager
def engine(name: str, folder: Path) -> Iterator[EngineTraces]:
    """A run of the engine as part of the trace: its spans come by way of a file in `folder`, which is its reader's alone.

    It could send them itself, but takes headers, which hold tokens, on its command line alone, and redacts nothing.
    """
    run = _exporting()
    if run is None or run.exporter is None:
        yield EngineTraces()
        return
    path = folder / "spans"
    path.touch(mode=0o600)
    with _spanning(run, name, {}):
        variables = {_PARENT: traceparent(run.open[-1])}
        if more := os.environ.get("OTEL_RESOURCE_ATTRIBUTES"):
            variables["OTEL_RESOURCE_ATTRIBUTES"] = more
        try:
            yield EngineTraces(("--otel-traces", path.as_uri()), variables)
        finally:
            from atoll.automation import spans  # noqa: PLC0415 - loads the SDK

            spans.forward(path, run.exporter, run.open[-1].get_span_context())


def ids() -> Ids | None:
    """Where what is told right now belongs, or None outside of a command."""
    if not _runs:
        return None
    run = _runs[-1]
    return _ids(run.open[-1]) if run.open else run.ids


def traceparent(innermost: "Span") -> str:
    """What says to another process that it is part of a span."""
    found = _ids(innermost)
    return f"00-{found.trace}-{found.span}-{innermost.get_span_context().trace_flags:02x}"


def _ids(innermost: "Span") -> Ids:
    context = innermost.get_span_context()
    return Ids(f"{context.trace_id:032x}", f"{context.span_id:016x}")


def _own_ids() -> Ids:
    """Ids of a run that nobody exports: the trace is its caller's, if that has one."""
    told = _PARENTS.fullmatch(os.environ.get(_PARENT, ""))
    return Ids(told[1] if told else secrets.token_hex(16), secrets.token_hex(8))


def _exporting() -> _Run | None:
    """The run, where it is exported and has its root span."""
    return _runs[-1] if _runs and _runs[-1].open else None


@contextlib.contextmanager
def _spanning(run: _Run, name: str, attributes: Mapping[str, str]) -> Iterator[None]:
    from opentelemetry import trace  # noqa: PLC0415 - a run that is not exported needs none
    from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415 - the same

    if run.tracer is None:
        yield
        return
    if run.open:
        around = trace.set_span_in_context(run.open[-1])
    else:
        carrier = {"traceparent": os.environ.get(_PARENT, "")}
        around = tracecontext.TraceContextTextMapPropagator().extract(carrier)
    made = run.tracer.start_span(name, context=around, attributes=dict(attributes))
    run.open.append(made)
    try:
        yield
    except BaseException as error:
        if not isinstance(error, SystemExit):
            made.set_status(trace.StatusCode.ERROR, redaction.redact(str(error) or type(error).__name__))
        raise
    finally:
        run.open.remove(made)
        made.end()


@contextlib.contextmanager
def _ending(run: _Run, mention: Callable[[str], None]) -> Iterator[None]:
    """Notes the exit code; the trace of one that is no success is somebody's to find."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - a run that is not exported needs none

    root = run.open[0]
    try:
        yield
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        root.set_attribute("process.exit.code", code)
        if code not in _FINE:
            root.set_status(StatusCode.ERROR)
            mention(f"trace: {_ids(root).trace}")
        raise
    root.set_attribute("process.exit.code", 0)
