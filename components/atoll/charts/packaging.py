"""A chart as an archive that is the same wherever, whenever and by whomever it was made. Effect: it runs helm."""

import gzip
import hashlib
import io
import json
import struct
import tarfile
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from atoll.charts.findings import CHART, LOCK
from atoll.core.errors import ArgsError, IntegrityError
from atoll.helm import Helm

_MODE = 0o644
_STORED_BYTES = 0xFFFF
"""The most that a stored block holds: its length has 16 bits."""


@dataclass(frozen=True)
class Package:
    """A chart that was packed; `content` is the digest of what its files say, whoever packed them."""

    name: str
    version: str
    archive: bytes = field(repr=False)
    content: str

    @property
    def file_name(self) -> str:
        """How helm names the archive."""
        return f"{self.name}-{self.version}.tgz"


def package(helm: Helm, chart: Path) -> Package:
    """Packs the chart in a folder.

    Which files belong to it, and what its Chart.yaml says, is helm's to decide (.helmignore, vendored parts). Names,
    order, times, owners and modes of what it packed are ours.

    Raises:
        ArgsError: there is no chart.
        HelmError: helm does not take it.
    """
    if not (chart / CHART).is_file():
        raise ArgsError(f"{chart}: found no {CHART}; expected the folder of a chart.")
    with tempfile.TemporaryDirectory(dir=helm.folder) as folder:
        helm.run("package", chart, "--destination", folder)
        (made,) = Path(folder).glob("*.tgz")
        return packed(made.read_bytes(), str(chart))


def packed(archive: bytes, where: str) -> Package:
    """A package of what is in an archive of helm's kind; `where` names it in errors.

    Raises:
        IntegrityError: it is none.
    """
    try:
        files = _files(archive)
        root, _, _ = next(iter(files)).partition("/")
        told = yaml.safe_load(files[f"{root}/{CHART}"])
        name, version = told["name"], told["version"]
        content = hashlib.sha256(_tar(_meant(files))).hexdigest()
    except (
        tarfile.TarError,
        OSError,
        EOFError,
        zlib.error,
        yaml.YAMLError,
        LookupError,
        TypeError,
        StopIteration,
    ) as error:
        raise IntegrityError(f"{where}: found no archive of a chart; expected one.") from error
    return Package(name, version, _stored(_tar(files)), f"sha256:{content}")


def differing(one: Package, other: Package) -> list[str]:
    """The files in which two packages differ, or that one of them lacks."""
    ours, theirs = _meant(_files(one.archive)), _meant(_files(other.archive))
    names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    return [name.partition("/")[2] for name in names]


def _files(archive: bytes) -> dict[str, bytes]:
    """The content of each file by its name, in order."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as tar:
        found = {
            member.name: stream.read()
            for member in tar
            if member.isfile() and (stream := tar.extractfile(member))
        }
    return dict(sorted(found.items()))


def _meant(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files by what they mean: helm writes Chart.yaml and Chart.lock anew, each version of it in its own way."""
    return {
        name: _canonical(text) if Path(name).name in {CHART, LOCK} else text for name, text in files.items()
    }


def _canonical(text: bytes) -> bytes:
    return json.dumps(yaml.safe_load(text), sort_keys=True, default=str).encode()


def _tar(files: dict[str, bytes]) -> bytes:
    """A tar of files, nobody's and of no time."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), _MODE
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _stored(data: bytes) -> bytes:
    """A gzip of data that is not compressed: what a compressor makes differs from one version of it to the next.

    Source: RFC 1952 (the frame; no name, no time, unknown system), RFC 1951, 3.2.4 (stored blocks).
    """
    blocks = [data[at : at + _STORED_BYTES] for at in range(0, len(data) or 1, _STORED_BYTES)]
    framed = [
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ _STORED_BYTES) + block
        for number, block in enumerate(blocks, start=1)
    ]
    head = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    return b"".join([head, *framed, struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)])
