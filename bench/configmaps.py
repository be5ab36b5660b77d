"""Measures the plugin for Kubernetes: many ConfigMaps made, left alone and removed by one program.

Run: .venv/bin/python -m bench.configmaps [COUNT [PROVIDERS]]

It starts a cluster of its own in a temporary folder and stops it at the end. CPU is that of the engine and its
language host, and of plugins that end with them; memory is the highest of all plugins together (providers
and language host, not the program); the load average tells how idle the machine was.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from atoll import toolchain
from atoll.cluster.effects import LocalCluster
from atoll.core import command
from atoll.core.effect import Context
from atoll.host import Environment, Ports, Supervisor
from atoll.provider import plugins
from bench import memory

_CASES = ((200, 1), (500, 10))
"""ConfigMaps and Providers."""
_PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes

clusters = [
    kubernetes.Provider(f"cluster-{{number}}", kubeconfig={kubeconfig!r}, cluster_identifier="bench")
    for number in range({providers})
]
for number in range({count}):
    kubernetes.core.v1.ConfigMap(
        f"config-{{number}}",
        metadata={{"name": f"config-{{number}}", "namespace": "default"}},
        data={{"number": str(number), "text": "x" * 200}},
        opts=pulumi.ResourceOptions(provider=clusters[number % {providers}]),
    )
"""
_OPERATIONS = {
    "up": ["up", "--skip-preview", "--yes"],
    "preview, no change": ["preview"],
    "up, no change": ["up", "--skip-preview", "--yes"],
    "up as typed, no change": ["up", "--yes"],
    "refresh": ["refresh", "--skip-preview", "--yes"],
    "destroy": ["destroy", "--skip-preview", "--yes"],
    "preview of all": ["preview"],
}


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


def main() -> None:
    """Prints one line for each operation."""
    given = [int(word) for word in sys.argv[1:]]
    for count, providers in [(given[0], given[1] if given[1:] else 1)] if given else _CASES:
        _case(count, providers)


def _case(count: int, providers: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        programs = toolchain.ensure(["pulumi", "pulumi-language-python"])
        variables = _variables(folder, programs)
        for made in ("engine", "state", "project"):
            (folder / made).mkdir()
        chosen = plugins.install(folder / "engine", programs["pulumi"], variables)
        print(
            f"{count} ConfigMaps by {providers} Providers; "
            f"kubernetes: {next(p.kind for p in chosen if p.name == 'kubernetes')} plugin"
        )
        with _cluster(folder) as kubeconfig:
            project = folder / "project"
            (project / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
            (project / "__main__.py").write_text(
                _PROGRAM.format(kubeconfig=kubeconfig, count=count, providers=providers)
            )
            engine: list[str | Path] = [programs["pulumi"], "--non-interactive"]
            command.run([*engine, "stack", "init", "bench"], env=variables, cwd=project)
            for name, words in _OPERATIONS.items():
                print(f"{name:24}{_measure([*engine, *words], variables, project)}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
