"""Serves a plugin to the engine over gRPC."""

import asyncio
import re
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc

from atoll.core import redaction
from atoll.core.errors import AtollError, ending, of_system
from atoll.provider import protocol
from atoll.provider.engine import Engine
from atoll.provider.plugin import InitFailedError, Plugin

Factory = Callable[[Engine], Plugin]

_THREADS = 128
"""The engine has many calls open at once (a Construct waits while its children's calls come back to us)."""
_GRACE = 2.0
"""Seconds for open calls to end once the launch is over."""
_CALLS = tuple(
    method.name
    for method in protocol.provider.DESCRIPTOR.services_by_name["ResourceProvider"].methods
    if not method.server_streaming
)


class _Servicer(protocol.provider_services.ResourceProviderServicer):  # type: ignore[misc] # generated, untyped
    """Turns calls into plain method calls in threads, and errors into one line."""

    def __init__(self, plugin: Plugin, threads: ThreadPoolExecutor) -> None:
        self._plugin, self._threads = plugin, threads
        self.running: set[Future[Any]] = set()

    async def answer(self, call: str, request: Any, context: Any) -> Any:
        plugin = self._plugin
        method = getattr(plugin, _snake(call), None)
        if method is None:
            return await context.abort(
                grpc.StatusCode.UNIMPLEMENTED, f"{plugin.name}: {call} is not supported"
            )
        future = self._threads.submit(method, request)
        self.running.add(future)
        future.add_done_callback(self.running.discard)
        try:
            return await asyncio.wrap_future(future)
        except InitFailedError as error:
            _tell_ending(plugin, request, error)
            await _abort(context, line(error), error.detail)
        except Exception as error:  # noqa: BLE001 - the border: nothing but one line leaves
            plugin.engine.debug(traceback.format_exc())
            _tell_ending(plugin, request, _known(error))
            await _abort(context, _told(plugin.name, error))


def _handler(call: str) -> Any:
    async def handle(self: _Servicer, request: Any, context: Any) -> Any:
        return await self.answer(call, request, context)

    return handle


for _call in _CALLS:
    setattr(_Servicer, _call, _handler(_call))


def _snake(call: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", call).lower()


def line(error: BaseException) -> str:
    """An error's text as one line without secrets."""
    return redaction.redact("; ".join(part.strip() for part in str(error).splitlines() if part.strip()))


def _tell_ending(plugin: Plugin, request: Any, error: AtollError | None) -> None:
    """Tells the command what the engine has no word for: what an error means."""
    if error is not None:
        plugin.engine.debug(ending(error), getattr(request, "urn", ""))


def _known(error: Exception) -> AtollError | None:
    """An error as one of ours, where it is one, or is what the machine lacks."""
    known = of_system(error) if isinstance(error, OSError) else error
    return known if isinstance(known, AtollError) else None


def _told(plugin: str, error: Exception) -> str:
    """The line of an error: ours and what the machine lacks tell enough, anything else is named by its kind."""
    known = _known(error)
    return line(known) if known else f"{plugin}: {type(error).__name__}: {line(error)}"


async def _abort(context: Any, text: str, detail: Any = None) -> None:
    if detail is not None:
        status = protocol.status.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=text)
        status.details.add().Pack(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(grpc.StatusCode.UNKNOWN, text)


class Service:
    """One launch of a plugin: an instance, threads and a port of its own."""

    def __init__(self, factory: Factory, engine_address: str) -> None:
        self._engine = Engine()
        self._engine.attach(engine_address)
        self._threads = ThreadPoolExecutor(_THREADS)
        self._server = grpc.aio.server(options=protocol.OPTIONS)
        self._plugin = factory(self._engine)
        self._servicer = _Servicer(self._plugin, self._threads)
        protocol.provider_services.add_ResourceProviderServicer_to_server(self._servicer, self._server)

    async def start(self) -> int:
        """Begins to serve; returns the port."""
        port: int = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return port

    @property
    def busy(self) -> bool:
        """Whether a call is being answered."""
        return bool(self._servicer.running)

    async def stop(self) -> None:
        """Asks all that wait to end, and goes without those who do not."""
        self._engine.cancelled.set()
        await self._server.stop(_GRACE)
        self._threads.shutdown(wait=False, cancel_futures=True)
        # Either may wait for threads, which the other launches must not.
        await asyncio.to_thread(self._plugin.close)
        await asyncio.to_thread(self._engine.detach)
