"""A real Docker engine of a test's own: dockerd as a plain process on a private socket, with data of its own."""

import contextlib
import io
import os
import platform
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker

from harness.waiting import until

_CODE = bytes.fromhex(
    "48833c2401"  # cmp qword [rsp], 1: the number of its words, itself the first
    "7f07"
    "6a22580f05ebf9"  # alone: pause(2), for ever
    "6a035f6a3c580f05"  # with an argument: exit(3)
)
_HEADERS = 64 + 56


def program() -> bytes:
    """The smallest static program that waits for ever, and ends with exit code 3 where it is given an argument.

    Source: elf(5); one segment that holds the whole file, for x86-64.
    """
    size, base = _HEADERS + len(_CODE), 0x400000
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return b"\x7fELF\x02\x01\x01" + bytes(9) + header + segment + _CODE


def layer(mark: str = "") -> bytes:
    """A layer with that program, and a file that makes it another layer."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in (("wait", program()), ("mark", mark.encode())):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def lacking() -> str:
    """Why no engine can be started here, or nothing."""
    if sys.platform != "linux":
        return "needs Linux"
    if platform.machine() != "x86_64":
        return "the program in its images is for x86-64"
    if os.geteuid() != 0:
        return "dockerd needs root"
    found = shutil.which("dockerd")
    return "" if found else "no dockerd on PATH (Debian: apt-get install docker.io)"


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of an engine that runs while the block does."""
    place = folder / "docker.sock"
    argv = [
        "dockerd",
        *("--host", f"unix://{place}"),
        *("--data-root", str(folder / "data")),
        *("--exec-root", str(folder / "exec")),
        *("--pidfile", str(folder / "pid")),
        # No rule and no bridge of the machine's is touched.
        *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: process.poll() is not None or _answers(place), "dockerd answers")
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        yield f"unix://{place}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(place)) != 0:
            return False
    with contextlib.suppress(docker.errors.DockerException):
        client = docker.APIClient(base_url=f"unix://{place}")
        try:
            return bool(client.ping())
        finally:
            client.close()
    return False


def client(address: str) -> docker.APIClient:
    """A client of an engine, which knows its `address`."""
    made = docker.APIClient(base_url=address)
    made.address = address
    return made
