"""The ground of syncs: a clone of the committed checkout with a control plane and lean members, brought up by `atoll up`.

Whoever syncs otherwise writes to the same members: Atoll's own policies are taken out before, and theirs after.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from atoll.core import command
from atoll.host import Environment, Supervisor, remains
from atoll.kubernetes import Kubeconfig
from bench import policies
from bench.policies import Manifest

NAME = "fleet"
ATOLL = Path(sys.executable).parent / "atoll"
_ROOT = Path(__file__).parent.parent
_MIB = 1 << 20


@dataclass(frozen=True)
class Taken:
    """What processes take, in MiB: `rss` counts shared pages for each, `pss` once in all."""

    rss: float
    pss: float


class Fleet:
    """A fleet of so many members; nothing runs before `up`."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.clone = folder, folder / "atoll"
        self.variables = {**os.environ, "ATOLL_HOME": str(folder / "home")}
        self.members = [f"m{number:02}" for number in range(1, count + 1)]
        command.run(["git", "clone", "--quiet", _ROOT, self.clone])

    def declare(self, wanted: list[Manifest], count: int | None = None) -> None:
        """Writes the inventory: so many of the members (all unless given), and the policies for them."""
        spaces = {"groups": ["all"], "resources": policies.namespaces()}
        inventory: dict[str, Any] = {
            "controlPlane": {"driver": "local"},
            "clusters": {name: {"driver": "local", "lean": True} for name in self.members[:count]},
            "bundles": {"spaces": spaces},
        }
        if wanted:
            inventory["bundles"]["policies"] = {"groups": ["all"], "resources": wanted, "timeout": "10m"}
        (self.clone / "stacks" / f"{NAME}.yaml").write_text(yaml.safe_dump(inventory))

    @property
    def up(self) -> list[str | Path]:
        """The command that brings what is declared to all members. It makes no preview."""
        return [ATOLL, "up", NAME]

    def atoll(self, *words: str, check: bool = True) -> None:
        """Runs another command in it."""
        command.run([ATOLL, *words], env=self.variables, cwd=self.clone, check=check)

    @property
    def environment(self) -> Environment:
        """Where the environment lives."""
        return Environment(self.clone, NAME, next((self.folder / "home").glob(f"*/{NAME}")))

    def kubeconfig(self, member: str) -> Path:
        """That of a member's administrator."""
        return self.environment.clusters / member / "pki" / "admin.kubeconfig"

    def targets(self) -> Path:
        """A file that tells programs which know no kubeconfigs of the members."""
        found = []
        for name in self.members:
            pki = self.environment.clusters / name / "pki"
            server = Kubeconfig.read(self.kubeconfig(name).read_text()).server
            files = {"ca": "ca.crt", "certificate": "admin.crt", "key": "admin.key"}
            found.append(
                {"name": name, "server": server, **{key: str(pki / file) for key, file in files.items()}}
            )
        return self.written("targets.json", found)

    def written(self, name: str, content: Any) -> Path:
        """A file with some content as JSON, or of several documents as YAML."""
        path = self.folder / name
        text = json.dumps(content) if path.suffix == ".json" else yaml.safe_dump_all(content)
        path.write_text(text)
        return path

    def cpu(self) -> float:
        """Seconds of processor time that all servers of the fleet took until now, Karmada's among them."""
        return sum(sum(each.cpu_times()[:2]) for each in self._processes())

    def taken(self, prefix: str = "") -> dict[str, Taken]:
        """What each supervised process takes that has a prefix, by name."""
        found = {}
        for process in Supervisor(self.environment).processes():
            if process.name.startswith(prefix) and process.pid:
                memory = psutil.Process(process.pid).memory_full_info()
                found[process.name] = Taken(memory.rss / _MIB, memory.pss / _MIB)
        return found

    def _processes(self) -> list[psutil.Process]:
        return remains.supervised(self.environment)


@contextlib.contextmanager
def made(count: int) -> Iterator[Fleet]:
    """A fleet that is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="ab-"))
    fleet = Fleet(folder, count)
    try:
        yield fleet
    finally:
        fleet.atoll("down", NAME, "--force", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def timed(argv: list[str | Path], fleet: Fleet) -> float:
    """Seconds that a command takes in the checkout."""
    begin = time.monotonic()
    command.run(argv, env=fleet.variables, cwd=fleet.clone)
    return time.monotonic() - begin
