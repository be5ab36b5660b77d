"""What envelope encryption costs: `python -m bench.envelopes`.

One file is sealed and opened by Atoll, in frames of several sizes, beside a copy, the bare cipher and sops. Each
measurement is a process of its own, so that its peak of memory is its own as well; sops holds all it works on in
memory, and gets a smaller file. The KMS is moto's, on loopback. Sops must be built: `atoll tools install sops`.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from moto.server import ThreadedMotoServer

from atoll import toolchain
from atoll.core import files
from atoll.secrets import kms
from atoll.secrets.envelope import FRAME, WrappingKey
from atoll.secrets.message import Context

_MEBIBYTE = 2**20
_SIZE = int(os.environ.get("ATOLL_BENCH_MEBIBYTES", "1024"))
_SOPS_SIZE = int(os.environ.get("ATOLL_BENCH_SOPS_MEBIBYTES", "128"))
_FRAMES = (2**16, 2**18, FRAME, 2**22)
_REGION, _LOGIN = "us-east-1", "bench"
_CONTEXT = Context("atoll", "bench", "file")
_PAUSE = 0.01


class Cost(NamedTuple):
    """What one pass over a file takes: time on the clock and of the processor, and the peak of memory in MiB.

    The clock has the disk's flush in it, and the neighbours; the processor's time has neither.
    """

    seconds: float
    processor: float
    memory: float


def seal(source: Path, target: Path, key: WrappingKey, frame: int) -> None:
    """As `atoll secrets seal` does."""
    with source.open("rb") as stream, files.whole(target) as out:
        key.seal(_CONTEXT, stream, out, frame=frame)


def unseal(source: Path, target: Path, key: WrappingKey, _frame: int) -> None:
    """As `atoll secrets open` does."""
    with source.open("rb") as stream, files.whole(target) as out:
        key.open(_CONTEXT, stream, out)


def cipher(source: Path, target: Path, _key: WrappingKey, _frame: int) -> None:
    """AES-256-GCM alone: one message, no header, no frames."""
    encryptor = Cipher(algorithms.AES(bytes(32)), modes.GCM(bytes(12))).encryptor()
    with source.open("rb") as stream, files.whole(target) as out:
        while chunk := stream.read(_MEBIBYTE):
            out.write(encryptor.update(chunk))
        encryptor.finalize()


def copy(source: Path, target: Path, _key: WrappingKey, _frame: int) -> None:
    """What the disk takes."""
    with source.open("rb") as stream, files.whole(target) as out:
        shutil.copyfileobj(stream, out, _MEBIBYTE)


_PASSES: dict[str, Callable[[Path, Path, WrappingKey, int], None]] = {
    "copy": copy,
    "cipher": cipher,
    "seal": seal,
    "open": unseal,
}


def one_pass(name: str, source: str, target: str, frame: str, *where: str) -> None:
    """One measurement, in a process of its own, by the key at an endpoint; prints its cost."""
    endpoint, arn = where
    key = WrappingKey(kms.Access(_REGION, endpoint, _LOGIN, _LOGIN), arn)
    begin, used = time.monotonic(), time.process_time()
    _PASSES[name](Path(source), Path(target), key, int(frame))
    took, used = time.monotonic() - begin, time.process_time() - used
    peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    print(took, used, int(peak) / 1024)


class Bench:
    """A folder with a file, and a KMS."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder = folder
        self._access = kms.Access(_REGION, endpoint, _LOGIN, _LOGIN)
        self._arn = kms.client(self._access).create_key()["KeyMetadata"]["Arn"]

    def pass_over(self, name: str, source: Path, target: Path, frame: int = FRAME) -> Cost:
        """One pass, by a process of its own."""
        words = [name, source, target, frame, self._access.endpoint, self._arn]
        argv = [sys.executable, "-m", "bench.envelopes", *map(str, words)]
        with psutil.Popen(argv, stdout=-1, text=True) as process:
            told, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"{name}: ended with {process.returncode}")
        return Cost(*map(float, told.split()))

    def sops(self, source: Path, target: Path, verb: str, form: str) -> Cost:
        """One pass of sops; its peak of memory is sampled."""
        variables = {
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": _LOGIN,
            "AWS_SECRET_ACCESS_KEY": _LOGIN,
            "AWS_REGION": _REGION,
            "AWS_ENDPOINT_URL_KMS": str(self._access.endpoint),
            "SOPS_KMS_ARN": self._arn,
        }
        program = toolchain.ensure(["sops"])["sops"]
        argv = [program, verb, "--input-type", form, "--output-type", "binary", "--output", target, source]
        begin, used, peak = time.monotonic(), _children(), 0
        with psutil.Popen([str(word) for word in argv], env=variables) as process:
            while process.poll() is None:
                with contextlib.suppress(psutil.Error):
                    peak = max(peak, process.memory_info().rss)
                time.sleep(_PAUSE)
        if process.returncode:
            raise SystemExit(f"sops {verb}: ended with {process.returncode}")
        return Cost(time.monotonic() - begin, _children() - used, peak / _MEBIBYTE)

    def rows(self) -> Iterator[tuple[str, int, Cost]]:
        """What was measured: (what, size in MiB, cost)."""
        plain, sealed, opened = (self.folder / name for name in ("plain", "sealed", "opened"))
        _fill(plain, _SIZE)
        for name, what in (("copy", "a copy"), ("cipher", "AES-256-GCM alone")):
            yield what, _SIZE, self.pass_over(name, plain, sealed)
        for frame in _FRAMES:
            frames = f"frames of {frame // 1024} KiB"
            yield f"sealed, {frames}", _SIZE, self.pass_over("seal", plain, sealed, frame)
            yield f"opened, {frames}", _SIZE, self.pass_over("open", sealed, opened)
            _compare(plain, opened)
        _fill(plain, _SOPS_SIZE)
        yield "sops encrypt", _SOPS_SIZE, self.sops(plain, sealed, "encrypt", "binary")
        yield "sops decrypt", _SOPS_SIZE, self.sops(sealed, opened, "decrypt", "binary")
        _compare(plain, opened)


def _children() -> float:
    """Seconds of the processor that the ended children took."""
    took = os.times()
    return took.children_user + took.children_system


def _fill(path: Path, mebibytes: int) -> None:
    with path.open("wb") as stream:
        for _ in range(mebibytes):
            stream.write(os.urandom(_MEBIBYTE))


def _compare(one: Path, other: Path) -> None:
    with one.open("rb") as left, other.open("rb") as right:
        while chunk := left.read(_MEBIBYTE):
            if chunk != right.read(_MEBIBYTE):
                raise SystemExit("what was opened is not what was sealed")
        if right.read(1):
            raise SystemExit("more was opened than was sealed")


def main() -> None:
    """Prints one line for each pass."""
    if len(sys.argv) > 1:
        one_pass(*sys.argv[1:])
        return
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with tempfile.TemporaryDirectory(prefix="atoll-bench-") as folder:
            for what, size, cost in Bench(Path(folder), f"http://{host}:{port}").rows():
                speed = size / cost.seconds
                print(
                    f"{what:<28} {size:5} MiB {cost.seconds:7.2f} s {speed:5.0f} MiB/s "
                    f"{cost.processor:7.2f} s of processor "
                    f"{cost.memory:7.0f} MiB of memory",
                    flush=True,
                )
    finally:
        server.stop()


if __name__ == "__main__":
    main()
