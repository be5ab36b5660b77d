"""The ground of measurements of the plugin for Kubernetes: a cluster of its own, an engine, a program.

CPU is that of the engine and its language host, and of plugins that end with them; memory is the highest of all plugins
together (providers and language host, not the program); the load average tells how idle the machine was.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from atoll import toolchain
from atoll.cluster.effects import LocalCluster
from atoll.core import command
from atoll.core.effect import Context
from atoll.host import Environment, Ports, Supervisor
from atoll.provider import plugins
from atoll.toolchain import cache
from bench import memory

OPERATIONS = {
    "up": ["up", "--skip-preview", "--yes"],
    "preview, no change": ["preview"],
    "up, no change": ["up", "--skip-preview", "--yes"],
    "up as typed, no change": ["up", "--yes"],
    "refresh": ["refresh", "--skip-preview", "--yes"],
    "destroy": ["destroy", "--skip-preview", "--yes"],
    "preview of all": ["preview"],
}


def measured(title: str, program: Callable[[Path, str], str]) -> None:
    """Prints a line for each operation on a program; it is made of the project's folder and a kubeconfig."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        programs = toolchain.ensure(["pulumi", "pulumi-language-python"])
        variables = _variables(folder, programs)
        for made in ("engine", "state", "project"):
            (folder / made).mkdir()
        chosen = plugins.install(folder / "engine", programs["pulumi"], variables)
        print(f"{title}; kubernetes: {next(p.kind for p in chosen if p.name == 'kubernetes')} plugin")
        with _cluster(folder) as kubeconfig:
            project = folder / "project"
            (project / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
            (project / "__main__.py").write_text(program(project, kubeconfig))
            engine: list[str | Path] = [programs["pulumi"], "--non-interactive"]
            command.run([*engine, "stack", "init", "bench"], env=variables, cwd=project)
            for name, words in OPERATIONS.items():
                print(f"{name:24}{_measure([*engine, *words], variables, project)}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    """The kubeconfig of a cluster that lives as long as the block."""
    os.environ["ATOLL_HOME"] = str(folder / "home")
    environment = Environment.of(folder, "bench")
    environment.create()
    os.environ["ATOLL_ENVIRONMENT"] = str(environment.folder)
    supervisor = Supervisor(environment)
    supervisor.start()
    try:
        outcome = LocalCluster().create("bench", {"name": "bench", "nodes": 0}, Context())
        yield outcome.outputs["access"]
    finally:
        supervisor.stop()
        Ports(environment).release_block()


def _variables(folder: Path, programs: Mapping[str, Path]) -> dict[str, str]:
    folders = [Path(sys.executable).parent, *(program.parent for program in programs.values())]
    return {
        "HOME": str(folder),
        "PATH": ":".join([*map(str, folders), os.defpath]),
        cache.VARIABLE: str(cache.folder()),
        "PULUMI_HOME": str(folder / "engine"),
        "PULUMI_BACKEND_URL": f"file://{folder}/state",
        "PULUMI_CONFIG_PASSPHRASE": "bench",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measure(argv: list[str | Path], variables: dict[str, str], project: Path) -> str:
    with memory.Sampler(Path(variables["PULUMI_HOME"])) as sampler:
        cpu, begin = _spent(), time.perf_counter()
        command.run(argv, env=variables, cwd=project)
        seconds = time.perf_counter() - begin
    taken = sampler.highest
    return (
        f"{seconds:6.2f} s   {_spent() - cpu:6.2f} s CPU   load {os.getloadavg()[0]:.1f}   {taken.processes:3} plugin "
        f"processes, {taken.rss / 2**20:.0f} MiB RSS, {taken.pss / 2**20:.0f} MiB PSS"
    )
