"""The server that many launches of plugins share: run by the launcher as `python -I -m atoll.provider.sharing [--ahead] SOCKET`.

One process with one gRPC runtime in place of one for each provider of a program. Each launch has a plugin, threads and
a port of its own, which live as long as the launcher's connection does: providers are told apart by their launch,
and the end of one leaves the others alone. It goes a while after the last launch, so that the preview, the update and
the next command find it, and at once where its socket was removed.

A thread cannot be killed. Where a launch ends in the middle of a call (its engine was killed), no new launch is taken
in: the server ends with those that it has, and the next engine never meets what the dead one had asked for.
"""

import asyncio
import contextlib
import faulthandler
import gc
import importlib
import os
import pkgutil
import resource
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from atoll.provider import launcher, resources, server

_GRACE = 10.0
"""Seconds that it stays without a launch."""
_HELLO = 5.0
"""Seconds for a launcher to say what it wants; it says so at once or never."""
_PAUSE = 0.5
_PLUGINS = ("atoll.provider.atoll", "atoll.provider.kubernetes.plugin")
_EFFECTS = (
    "BundleDelivery",
    "LocalCluster",
    "LocalControlPlane",
    "MemberAccess",
    "MemberStatus",
    "PropagationStatus",
)
"""With the plugins what most environments need, each loaded when it is first asked; a server that begins ahead loads them at once."""


class _Shared:
    """The launches that are alive, and the socket by which new ones come."""

    def __init__(self, listener: socket.socket, path: Path) -> None:
        listener.settimeout(0)
        self._listener, self._path, self._own = listener, path, _identity(path)
        self._launches: set[asyncio.Task[None]] = set()
        self._last = time.monotonic()

    async def run(self, asked: asyncio.Event) -> None:
        """Serves until nobody needs it, or somebody asks it to leave."""
        accepting = asyncio.create_task(self._accept())
        while not asked.is_set() and self._idle() <= (_GRACE if self._is_found() else 0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), _PAUSE)
        # First the name: a launch that comes now finds no server and starts one.
        self._retire()
        accepting.cancel()
        for launch in self._launches:
            launch.cancel()
        await asyncio.gather(*self._launches, return_exceptions=True)

    def _idle(self) -> float:
        """Seconds since the last launch ended; 0 while there is one."""
        return 0.0 if self._launches else time.monotonic() - self._last

    def _is_found(self) -> bool:
        """Whether a launcher that looks for a server meets this one."""
        return self._own is not None and _identity(self._path) == self._own

    def _retire(self) -> None:
        if self._is_found():
            self._path.unlink()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                # Too many files are open: those who wait are taken in when others have left.
                _log(error)
                await asyncio.sleep(_PAUSE)
                continue
            launch = loop.create_task(self._serve(connection))
            self._launches.add(launch)
            launch.add_done_callback(self._end)

    def _end(self, launch: asyncio.Task[None]) -> None:
        self._launches.discard(launch)
        self._last = time.monotonic()
        if not launch.cancelled() and (error := launch.exception()):
            _log(error)

    async def _serve(self, connection: socket.socket) -> None:
        """Serves one launch until its launcher is gone."""
        loop = asyncio.get_running_loop()
        with connection:
            connection.settimeout(0)
            asked = await asyncio.wait_for(loop.sock_recv(connection, 1 << 16), _HELLO)
            if not asked:
                return
            try:
                _, plugin, address = asked.decode().split()
                # Importing takes a while, in which the other launches go on.
                factory = await asyncio.to_thread(pkgutil.resolve_name, plugin)
                service = server.Service(factory, address)
                answer = str(await service.start())
            except Exception as error:
                said = f"{type(error).__name__}: {server.line(error)}\n"
                await loop.sock_sendall(connection, said.encode())
                raise
            try:
                # A killed launcher may reset the connection: that says as much as its end does.
                with contextlib.suppress(OSError):
                    await loop.sock_sendall(connection, f"{answer}\n".encode())
                    await loop.sock_recv(connection, 1)
                if service.busy:
                    self._retire()
            finally:
                await service.stop()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _log(error: BaseException) -> None:
    """Keeps the whole trace of an error in the log of the servers; who asked heard one line."""
    sys.excepthook(type(error), error, error.__traceback__)


async def _run(listener: socket.socket, path: Path) -> NoReturn:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await _Shared(listener, path).run(asked)
    # At once: neither the loop's tidying nor threads that still wait for a cluster must hold up the end.
    os._exit(0)


def main() -> None:
    """Serves until nobody needs it."""
    faulthandler.enable()
    # Its connections are those of many plugins.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if launcher.AHEAD in sys.argv:
        threading.Thread(target=_load_ahead, daemon=True).start()
    # What was imported stays: the collector need not look at it again and again.
    gc.freeze()
    asyncio.run(_run(socket.socket(fileno=launcher.LISTENER), Path(sys.argv[-1])))


def _load_ahead() -> None:
    for name in _PLUGINS:
        importlib.import_module(name)
    for name in _EFFECTS:
        resources.effect(name)
    gc.freeze()


if __name__ == "__main__":
    main()
