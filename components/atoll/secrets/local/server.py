"""The HTTP side of a local KMS: one path, the calls of the KMS API alone, and only for who signs with its login."""

import socket
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from atoll.secrets.local import signing, states
from atoll.secrets.local.backend import Answer, Backend, refused
from atoll.secrets.local.seat import REGION

_TARGET = "TrentService."
"""How a call is named in the API of KMS."""
_MOST_BYTES = 128 * 1024
"""A key policy of 32 KiB and more besides; a plaintext has at most 4 KiB."""
_JSON = "application/x-amz-json-1.1"
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def application(backend: Backend, login: tuple[str, str]) -> Wsgi:
    """What answers requests; `login` is the one access key that may ask."""

    @Request.application
    def answer(request: Request) -> Response:
        if request.method == "GET" and request.path == "/":
            # Whether somebody is there, for who waits for the start.
            return Response("ok\n", 200, content_type="text/plain")
        request.max_content_length = _MOST_BYTES
        try:
            found = _answered(backend, login, request)
        except HTTPException as error:
            found = refused("SerializationException", error.name, error.code or 400)
        return Response(found.body, found.status, content_type=_JSON)

    return answer


def serve(bound: socket.socket, app: Wsgi) -> BaseWSGIServer:
    """A server for a socket that is bound to its port, each connection with a thread of its own."""
    bound.listen()
    host, port = bound.getsockname()
    return make_server(host, port, app, threaded=True, request_handler=_Whole, fd=bound.fileno())


def _answered(backend: Backend, login: tuple[str, str], request: Request) -> Answer:
    headers = {name.lower(): value for name, value in request.headers}
    target = headers.get("x-amz-target", "")
    if (
        request.method != "POST"
        or request.path != "/"
        or request.query_string
        or not target.startswith(_TARGET)
    ):
        return refused("UnknownOperationException", "only the API of KMS is served here", 404)
    content = request.get_data()
    operation = target.removeprefix(_TARGET)
    if code := signing.problem(headers, content, REGION, login):
        return refused(code, "the request is not signed with the login of this environment")
    if operation not in states.OPERATIONS:
        return refused("UnknownOperationException", f"{operation} is not served here")
    try:
        answer = backend.call(operation, content)
    except Exception:  # noqa: BLE001 - whatever it is, the next call is to be answered
        traceback.print_exc()
        answer = refused("KMSInternalException", "see the log of this KMS", 500)
    # Neither keys nor contexts nor what was asked: the log is read by who looks for a fault.
    print(f"{operation} {answer.status}", file=sys.stderr, flush=True)  # noqa: T201 - its log
    return answer


class _Whole(WSGIRequestHandler):
    """Sends an answer in one piece, and writes no line of its own for a request.

    botocore takes a head without its body for an answer that says nothing: whoever was cut off there would not ask again.
    """

    wbufsize = -1

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Leaves it to the application, which knows the call."""
