"""A collector of traces: an OTLP receiver, over HTTP or gRPC, that decodes what it is sent."""

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Collector:
    """What came: spans as (service, span), and the headers of each request."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> list[tuple[str, Any]]:
        """All spans, each with the service that it is of."""
        return [
            (_service(group.resource), span)
            for body in self.bodies
            for group in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]


def attributes(span: Any) -> dict[str, Any]:
    """The attributes of a span."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that takes what comes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
            if known:
                collector.headers.append(dict(self.headers))
                collector.bodies.append(body)
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield collector
        server.shutdown()


@contextlib.contextmanager
def stalling() -> Iterator[tuple[str, list[float]]]:
    """A collector that takes requests and answers none: its endpoint, and for how many seconds each was waited for."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            begin = time.monotonic()
            with contextlib.suppress(OSError):
                self.connection.recv(1)
            waited.append(time.monotonic() - begin)
            self.close_connection = True

        def log_message(self, *_):
            pass

    waited: list[float] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", waited
        server.shutdown()


@contextlib.contextmanager
def collecting_by_grpc() -> Iterator[Collector]:
    """A collector that gRPC reaches."""

    class Servicer(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request, context):  # noqa: N802 - the protocol's name
            collector.headers.append(dict(context.invocation_metadata()))
            collector.bodies.append(request.SerializeToString())
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Servicer(), server)
    collector = Collector(f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    yield collector
    server.stop(None).wait()


def _service(resource: Any) -> str:
    found: str = next(each.value.string_value for each in resource.attributes if each.key == "service.name")
    return found
