"""A TCP proxy that holds back all that passes by some time, both ways: a member at the end of a long line. No part of Atoll."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

_LOOPBACK = "127.0.0.1"
_CHUNK = 1 << 16


class Delay:
    """Leads connections to a port of this machine; `seconds`, which may change at any time, is the delay of a round trip."""

    def __init__(self, port: int) -> None:
        self.seconds = 0.0
        self._port, self.address = port, ""

    async def listen(self, listening: threading.Event) -> None:
        """Serves until it is cancelled."""
        server = await asyncio.start_server(self._connected, _LOOPBACK, 0)
        self.address = f"https://{_LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        listening.set()
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, thence = await asyncio.open_connection(_LOOPBACK, self._port)
            await asyncio.gather(self._carried(reader, thence), self._carried(there, writer))
        writer.close()

    async def _carried(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction: what is read goes on when its time has come, however much follows it meanwhile."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._sent(waiting, writer))
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                waiting.put_nowait((loop.time() + self.seconds / 2, data))
        waiting.put_nowait((loop.time() + self.seconds / 2, b""))
        await task

    @staticmethod
    async def _sent(waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(max(due - loop.time(), 0))
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.contextmanager
def delaying(port: int) -> Iterator[Delay]:
    """A proxy before a port that lives as long as the block, without any delay at first."""
    made, listening = Delay(port), threading.Event()
    loop = asyncio.new_event_loop()
    task = loop.create_task(made.listen(listening))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    listening.wait()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
