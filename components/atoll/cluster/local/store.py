"""A local cluster's store, read past its API server: what each value begins with tells what encrypted it.

Source: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway (JSON over HTTPS, under the client's certificate).
"""

import base64
import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator
from typing import Any

from atoll.cluster.local import lean
from atoll.cluster.local.seat import LOOPBACK, Seat
from atoll.core.errors import UnavailableError

_PAGE = 200
"""Values that are asked for at once: the largest object has 1.5 MB, an ordinary Work some kilobytes."""
_SECONDS = 20.0
_OK = 200
_RANGE, _REMOVE = "/v3/kv/range", "/v3/kv/deleterange"


def prefix(resource: str, root: str = lean.ROOT) -> str:
    """Where an API server keeps a resource (`secrets`, `works.work.karmada.io`) in its store."""
    plural, _, group = resource.partition(".")
    return f"{root}/" + (f"{group}/{plural}/" if group else f"{plural}/")


def values(seat: Seat, begin: str) -> Iterator[tuple[str, bytes]]:
    """What is under a prefix: the rest of each name, and its raw value. `seat` is the store's.

    Raises:
        UnavailableError: the store does not answer.
    """
    first, last = _span(begin)
    with contextlib.closing(_connection(seat)) as connection:
        while True:
            question = {"key": _text(first), "range_end": _text(last), "limit": _PAGE}
            page = _asked(connection, seat, _RANGE, question)
            entries = [(base64.b64decode(each["key"]), each.get("value", "")) for each in page.get("kvs", [])]
            for name, value in entries:
                yield name.decode().removeprefix(begin), base64.b64decode(value)
            if not page.get("more"):
                return
            first = entries[-1][0] + b"\0"


def remove(seat: Seat, begin: str) -> None:
    """Removes everything under a prefix. `seat` is the store's.

    Raises:
        UnavailableError: the store does not answer.
    """
    first, last = _span(begin)
    with contextlib.closing(_connection(seat)) as connection:
        _asked(connection, seat, _REMOVE, {"key": _text(first), "range_end": _text(last)})


def _connection(seat: Seat) -> http.client.HTTPSConnection:
    try:
        trust = ssl.create_default_context(cafile=seat.pki("ca.crt"))
        trust.load_cert_chain(seat.pki("etcd-client.crt"), seat.pki("etcd-client.key"))
    except OSError as error:
        raise _silent(seat, str(error)) from error
    return http.client.HTTPSConnection(LOOPBACK, seat.ports["etcd"], timeout=_SECONDS, context=trust)


def _span(begin: str) -> tuple[bytes, bytes]:
    """All names with a prefix: the first one, and the first that begins otherwise."""
    return begin.encode(), begin[:-1].encode() + bytes([ord(begin[-1]) + 1])


def _asked(
    connection: http.client.HTTPSConnection, seat: Seat, path: str, question: dict[str, Any]
) -> dict[str, Any]:
    try:
        connection.request("POST", path, json.dumps(question))
        answer = connection.getresponse()
        code, text = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise _silent(seat, str(error)) from error
    if code != _OK:
        raise _silent(seat, f"HTTP {code}")
    found: dict[str, Any] = json.loads(text)
    return found


def _silent(seat: Seat, what: str) -> UnavailableError:
    return UnavailableError(
        f"cluster {seat.name}: found no answer of its store ({what}); expected one. Look into the log of "
        f"{seat.process('etcd')}"
    )


def _text(name: bytes) -> str:
    return base64.b64encode(name).decode()
