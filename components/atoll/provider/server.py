"""Serves a plugin to the engine: one process, one port, each connection its own plugin."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from atoll.core import redaction
from atoll.core.errors import AtollError
from atoll.provider import protocol
from atoll.provider.engine import Engine
from atoll.provider.plugin import InitFailedError, Plugin

Factory = Callable[[Engine], Plugin]

_THREADS = 128
"""The engine has many calls open at once (a Construct waits while its children's calls come back to us)."""
_GRACE = 2.0
"""Seconds for open calls to end once the plugin is asked to leave."""
_CALLS = tuple(
    method.name
    for method in protocol.provider.DESCRIPTOR.services_by_name["ResourceProvider"].methods
    if not method.server_streaming
)


class _Servicer(protocol.provider_services.ResourceProviderServicer):  # type: ignore[misc] # generated, untyped
    """Turns calls into plain method calls in threads, and errors into one line."""

    def __init__(self, factory: Factory, engine_address: str) -> None:
        self._factory, self._address = factory, engine_address
        self._threads = ThreadPoolExecutor(_THREADS)
        self._plugins: dict[str, Plugin] = {}

    def _plugin(self, peer: str) -> Plugin:
        """The plugin of a connection. A process that an engine started has one, whoever asks.

        An attached process serves many engines and providers, told apart by their connection.
        """
        key = "" if self._address else peer
        if key not in self._plugins:
            engine = Engine()
            engine.attach(self._address)
            self._plugins[key] = self._factory(engine)
        return self._plugins[key]

    def cancel(self) -> None:
        """Asks all that wait to end."""
        for plugin in self._plugins.values():
            plugin.engine.cancelled.set()

    async def answer(self, call: str, request: Any, context: Any) -> Any:
        plugin = self._plugin(context.peer())
        method = getattr(plugin, _snake(call), None)
        if method is None:
            return await context.abort(
                grpc.StatusCode.UNIMPLEMENTED, f"{plugin.name}: {call} is not supported"
            )
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, method, request)
        except InitFailedError as error:
            await _abort(context, line(error), error.detail)
        except AtollError as error:
            plugin.engine.debug(traceback.format_exc())
            await _abort(context, line(error))
        except Exception as error:  # noqa: BLE001 - the border: nothing but one line leaves
            plugin.engine.debug(traceback.format_exc())
            await _abort(context, f"{plugin.name}: {type(error).__name__}: {line(error)}")


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


async def _abort(context: Any, text: str, detail: Any = None) -> None:
    if detail is not None:
        status = protocol.status.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=text)
        status.details.add().Pack(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(grpc.StatusCode.UNKNOWN, text)


def serve(factory: Factory) -> None:
    """Serves until the engine is done: prints the port, leaves with exit code 0 when it is told to.

    The one argument is the engine's address; without it the process waits to be attached to.
    """
    addresses = [word for word in sys.argv[1:] if not word.startswith("-")]
    asyncio.run(_serve(factory, addresses[0] if addresses else ""))
    sys.stdout.flush()
    # Threads that still wait for a cluster must not hold up the engine, which counts on exit code 0.
    os._exit(0)


async def _serve(factory: Factory, engine_address: str) -> None:
    servicer = _Servicer(factory, engine_address)
    server = grpc.aio.server(options=protocol.OPTIONS)
    protocol.provider_services.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(port, flush=True)  # noqa: T201 - how the engine learns the port
    await (_left_alone(stop) if engine_address else stop.wait())
    servicer.cancel()
    await server.stop(_GRACE)


async def _left_alone(stop: asyncio.Event) -> None:
    """Waits for a signal, or for the engine's death: a killed engine cannot tell its plugins to leave."""
    parent = os.getppid()
    while not stop.is_set() and os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1)
