"""How an environment is: its local processes, and what of it ends by itself (certificates, tokens)."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil

from atoll import toolchain
from atoll.automation import processes
from atoll.automation.show import Screen
from atoll.core.errors import AtollError, Exit
from atoll.core.x509 import Validity
from atoll.host import Environment, Ports, Process, Supervisor, certificates
from atoll.host.history import Restart
from atoll.kubernetes import Kubeconfig
from atoll.registry.local.launch import PKI

_RUNNING, _STOPPED = "RUNNING", "STOPPED"
_ACCESS = "atoll:index:MemberAccess"


@dataclass(frozen=True)
class Status:
    """One process: `uptime` in seconds, `memory` resident in bytes; both 0 where it does not run.

    `version` is that of the program that it was started with, `wanted` the one that the next `up` starts; both are
    empty for what Atoll did not choose. `restarts` counts those that nobody asked for, `restarted` is when the last
    of any kind was and `why` what had ended it; both are empty where there was none.
    """

    name: str
    state: str
    pid: int = 0
    uptime: int = 0
    memory: int = 0
    ports: list[int] = field(default_factory=list)
    version: str = ""
    wanted: str = ""
    restarts: int = 0
    restarted: str = ""
    why: str = ""


@dataclass(frozen=True)
class Ending:
    """Something that ends: `kind` is certificate, authority or token; `due` says that the next `up` renews it."""

    cluster: str
    kind: str
    name: str
    ends: str
    due: bool


@dataclass(frozen=True)
class Report:
    """How an environment is."""

    processes: list[Status]
    endings: list[Ending]

    @property
    def code(self) -> Exit:
        """Whether everything runs."""
        fine = all(each.state == _RUNNING for each in self.processes)
        return Exit.DONE if fine else Exit.UNAVAILABLE

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        return asdict(self)


def status(environment: Environment, screen: Screen, now: datetime | None = None) -> Report:
    """Every process as it is now, and the first that ends of each kind in each cluster."""
    supervisor = Supervisor(processes.known(environment))
    restarts, ports = supervisor.restarts(), Ports(environment).known()
    if supervisor.running:
        live = supervisor.processes()
    else:
        names = sorted(path.stem for path in environment.programs.glob("*.conf"))
        live = [Process(name, _STOPPED, 0, "") for name in names]
    found = [_status(supervisor, each, ports, restarts.get(each.name)) for each in live]
    report = Report(
        found, sorted(_endings(environment, now or datetime.now(UTC)), key=lambda each: each.cluster)
    )
    _show(report, screen)
    return report


def _show(report: Report, screen: Screen) -> None:
    screen.table(
        ("process", "state", "pid", "uptime", "memory", "port", "version", "restarts", "last restart"),
        [_row(each) for each in report.processes],
    )
    screen.table(
        ("cluster", "what ends", "ends", ""),
        [
            (
                each.cluster,
                f"{each.kind} {each.name}".strip(),
                each.ends,
                "renewed by the next up" if each.due else "",
            )
            for each in report.endings
        ],
    )


def _row(found: Status) -> tuple[str, ...]:
    live = (str(found.pid), str(timedelta(seconds=found.uptime)), f"{found.memory / 2**20:.0f} MiB")
    return (
        found.name,
        found.state,
        *(live if found.pid else ("", "", "")),
        " ".join(map(str, found.ports)),
        found.version if found.version == found.wanted else f"{found.version} (next up: {found.wanted})",
        str(found.restarts),
        f"{found.restarted} ({found.why})" if found.restarted else "",
    )


def _status(supervisor: Supervisor, process: Process, ports: dict[str, int], last: Restart | None) -> Status:
    # What belongs to no cluster begins with its program's name: registry-main.
    program = process.name.partition(".")[2] or process.name.partition("-")[0]
    place = process.name.replace(".", "/", 1)
    uptime, memory = _measured(process.pid)
    described = supervisor.described(process.name)
    chosen = program in toolchain.table().programs
    return Status(
        process.name,
        process.state,
        process.pid if uptime or memory else 0,
        uptime,
        memory,
        # A second port of a process has its purpose after the program's name: etcd-peer.
        [
            port
            for purpose, port in ports.items()
            if f"{purpose}-".startswith(f"{place}-") or purpose.startswith(f"{place}/")
        ],
        described.version if described else "",
        toolchain.version(program) if chosen else "",
        last.unasked if last else 0,
        last.at.isoformat(timespec="seconds") if last else "",
        last.why if last else "",
    )


def _measured(pid: int) -> tuple[int, int]:
    """The uptime in seconds and the resident memory in bytes of a process; zeros where there is none."""
    try:
        process = psutil.Process(pid) if pid else None
        return (int(time.time() - process.create_time()), process.memory_info().rss) if process else (0, 0)
    except psutil.NoSuchProcess:
        return 0, 0


def _endings(environment: Environment, now: datetime) -> Iterator[Ending]:
    own = {environment.folder / PKI: "environment"}
    for folder in (*environment.clusters.glob("*/pki"), *own):
        found, whose = certificates.validities(folder), own.get(folder, folder.parent.name)
        if authority := found.pop(certificates.AUTHORITY, None):
            yield _ending(whose, "authority", "", authority, now)
        if found:
            first = min(found, key=lambda name: found[name].end)
            yield _ending(whose, "certificate", first, found[first], now)
    for path in (environment.folder / "kubeconfigs").glob("*.kubeconfig"):
        if validity := _of_kubeconfig(path.read_text()):
            yield _ending(path.stem, "certificate", "of its kubeconfig", validity, now)
    yield from _tokens(environment, now)


def _ending(cluster: str, kind: str, name: str, validity: Validity, now: datetime) -> Ending:
    return Ending(cluster, kind, name, validity.end.isoformat(), validity.near_end(now))


def _of_kubeconfig(text: str) -> Validity | None:
    """How long the client certificate in somebody else's kubeconfig is valid; Atoll cannot renew it."""
    try:
        certificate = Kubeconfig.read(text).certificate
        return Validity.of(certificate) if certificate else None
    except (AtollError, ValueError):
        return None


def _tokens(environment: Environment, now: datetime) -> Iterator[Ending]:
    """The tokens that the members gave the plane, as the engine's state has them."""
    for resource in _state(environment):
        outputs = resource.get("outputs") or {}
        if resource.get("type") == _ACCESS and outputs.get("expires"):
            end = datetime.fromisoformat(outputs["expires"])
            validity = Validity(end - timedelta(seconds=outputs.get("lifeSeconds") or 0), end)
            yield _ending(outputs["name"], "token", "", validity, now)


def _state(environment: Environment) -> list[dict[str, Any]]:
    """The resources in the state, read without the engine: a look must not need it."""
    for path in environment.state.rglob(f"stacks/*/{environment.name}.json"):
        try:
            checkpoint = json.loads(path.read_text())["checkpoint"]["latest"] or {}
            return checkpoint.get("resources") or []
        except (OSError, ValueError, LookupError, TypeError):
            return []
    return []
