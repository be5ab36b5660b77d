"""Where the builder of this machine lives, and what it is started with. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from atoll.host import Program

PROGRAM, PLUGIN = "buildkitd", "pulumi-resource-docker-build"
"""What builds images on this machine, and the engine's plugin that asks any builder to."""
INSTANCE = "atoll"
"""What buildx calls it."""
_SOCKET = "buildkitd.sock"
_PRIORITY = 10
_KEPT = "10GB"
"""What its cache may take."""
NO_RUNC = "found no runc on this machine; expected one for what has RUN in it. Install it: apt install runc"
_NO_RUNC = f"""#!/bin/sh
# In the place of a runc that is not there: all but RUN is built without one.
echo "RUN: {NO_RUNC}" >&2
exit 127
"""


@dataclass(frozen=True)
class Seat:
    """The place of the builder: `home` is the environment's folder, `runc` the program of it, where there is one."""

    home: Path
    program: Path
    version: str
    runc: Path | None

    @property
    def folder(self) -> Path:
        """What it keeps: settings and cache."""
        return self.home / PROGRAM

    @property
    def socket(self) -> Path:
        """Where it listens, in the environment's folder: a socket's path must be short."""
        return self.home / _SOCKET

    @property
    def endpoint(self) -> str:
        """Where clients find it."""
        return f"unix://{self.socket}"

    @property
    def settings(self) -> Path:
        """What it is started with."""
        return self.folder / "buildkitd.toml"

    @property
    def substitute(self) -> Path:
        """What says that there is no runc: it does not start without one, which RUN alone needs."""
        return self.folder / "no-runc"

    @property
    def files(self) -> dict[Path, str]:
        """What lies beside its settings, for everybody to run."""
        return {} if self.runc else {self.substitute: _NO_RUNC}

    def described(self, revision: str) -> Program:
        """What the supervisor runs; what it reads only at its start is in `revision`."""
        argv = (str(self.program), "--config", str(self.settings))
        # It would send traces to a collector that is not there.
        variables = (("OTEL_TRACES_EXPORTER", "none"),)
        return Program(PROGRAM, argv, _PRIORITY, revision=revision, version=self.version, variables=variables)

    def text(self, authorities: Mapping[str, Path]) -> str:
        """Its settings; `authorities` are whom to trust for the certificates of registries, by their addresses.

        Source: https://github.com/moby/buildkit/blob/v0.32.2/docs/buildkitd.toml.md
        """
        runc = self.runc or self.substitute
        lines = [
            f"root = {_quoted(self.folder / 'cache')}",
            "[grpc]",
            f"address = [{_quoted(self.endpoint)}]",
            "[worker.oci]",
            "enabled = true",
            f"binary = {_quoted(runc)}",
            "gc = true",
            f"maxUsedSpace = {_quoted(_KEPT)}",
            "[worker.containerd]",
            "enabled = false",
            # Devices of the machine are nobody's to build with.
            "[cdi]",
            "disabled = true",
        ]
        for address, authority in sorted(authorities.items()):
            # Unless told, one that listens on loopback is spoken to in plain.
            lines += [f"[registry.{_quoted(address)}]", "http = false", f"ca = [{_quoted(authority)}]"]
        return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    """A basic string of TOML."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
