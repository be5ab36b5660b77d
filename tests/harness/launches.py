"""Starts plugins as the engine does: the launcher, whose first line is the port."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import psutil
from google.protobuf import empty_pb2

from atoll.provider import launcher, protocol

PLUGIN = "atoll.provider.plugin:Plugin"
"""The base of all plugins answers what every plugin does."""
ARGV = (sys.executable, "-I", "-S", launcher.__file__)


class Launch:
    """One launch of a plugin by somebody who plays the engine."""

    def __init__(self, servers: Path, plugin: str = PLUGIN, **options):
        self.known_port = 0
        self.process = subprocess.Popen(
            [*ARGV, str(servers), plugin, "127.0.0.1:1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
            **options,
        )

    def port(self) -> int:
        """Waits until the plugin serves; returns where."""
        assert self.process.stdout is not None
        self.known_port = int(self.process.stdout.readline())
        return self.known_port

    def listens(self) -> bool:
        """Whether somebody serves the port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.known_port)) == 0

    def answers(self) -> bool:
        """Whether the plugin at the port answers."""
        with grpc.insecure_channel(f"127.0.0.1:{self.known_port}") as channel:
            stub = protocol.provider_services.ResourceProviderStub(channel)
            try:
                stub.GetPluginInfo(empty_pb2.Empty(), timeout=5)
            except grpc.RpcError:
                return False
        return True

    def end(self, number: int) -> int:
        """Sends a signal to the launcher's process group, as the engine does; returns the exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(10)


@contextmanager
def launched(servers: Path, plugin: str = PLUGIN, **options) -> Iterator[Launch]:
    """A launch whose plugin serves, ended with the block."""
    made = Launch(servers, plugin, **options)
    try:
        made.port()
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.communicate()


def servers_of(folder: Path) -> list[psutil.Process]:
    """The servers whose socket is in a folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if launcher.SERVER in words and Path(words[-1]).parent == folder:
            found.append(process)
    return found
