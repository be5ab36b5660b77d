"""Launches of the stand-in share a server and nothing else: clusters, settings, ends."""

import dataclasses
import os
import signal
import subprocess
from functools import partial

import psutil
import pytest

from atoll.kubernetes import Kubeconfig
from atoll.provider import launcher, plugins
from atoll.provider.plugins import Kind
from harness.launches import servers_of
from harness.waiting import until

AMBIENT = """
    ambient = k8s.Provider("ambient")
    for number in range(20):
        name = f"{pulumi.get_stack()}-{number}"
        k8s.core.v1.ConfigMap(
            name, metadata={"name": name}, data={"stack": NAMED}, opts=ResourceOptions(provider=ambient)
        )
"""
WAITING = """
    labels = {"app": pulumi.get_stack()}
    k8s.apps.v1.Deployment(
        "web",
        metadata=meta(f"web-{pulumi.get_stack()}"),
        spec={
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"node_selector": SELECTOR, "containers": [{"name": "web", "image": "example.test/web"}]},
            },
        },
        opts=here(),
    )
"""
NOWHERE = {"pool": "none"}


class Engines:
    """Engines that run at once over one project, and what their launches share."""

    def __init__(self, engine, program):
        self._engine, self._program = engine, program
        self._begun: list[subprocess.Popen[str]] = []
        self._folder = engine.home / plugins.SERVERS

    def begin(self, stack="t", **variables):
        """Starts an `up` that is not waited for."""
        argv = [self._engine.pulumi, "up", "--skip-preview", "--yes", "--non-interactive", "--stack", stack]
        process = subprocess.Popen(
            argv,
            env={**self._engine.variables, **variables},
            cwd=self._program.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._begun.append(process)
        return process

    def call(self, *words):
        """Runs another command of the engine."""
        self._engine.call(self._program.folder, *words)

    def servers(self):
        """The servers that run."""
        return servers_of(self._folder)

    def launchers(self):
        """The launchers that run."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if {launcher.__file__, str(self._folder)} <= set(process.info["cmdline"] or [])
        ]

    def release(self):
        """What `atoll stop` does."""
        plugins.release(self._engine.home)

    def end(self):
        """Ends all that runs."""
        for process in self._begun:
            with process:
                process.kill()
        self.release()


@pytest.fixture
def engines(engine, program):
    """Engines at once; only the stand-in shares anything."""
    kinds = {plugin.name: plugin.kind for plugin in plugins.installed(engine.home)}
    if kinds["kubernetes"] is Kind.OFFICIAL:
        pytest.skip("the official plugin shares nothing")
    made = Engines(engine, program)
    # Those of other tests, which had other variables, wait for some seconds before they go.
    made.release()
    until(lambda: not made.servers(), "those of other tests are gone", 20)
    yield made
    made.end()


def _within(program, space):
    """The program's kubeconfig with a namespace of its own."""
    return dataclasses.replace(Kubeconfig.read(program.kubeconfig), namespace=space).text()


def _waiting(selector):
    return f"\n    SELECTOR = {selector!r}" + WAITING


def test_providers_of_one_program_reach_each_its_own_cluster(program, engines, api, namespace):
    """Source: https://www.pulumi.com/docs/iac/concepts/resources/providers (explicit providers)."""
    spaces = [f"{namespace}-{number}" for number in range(4)]
    places = {}
    for space in spaces:
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
        places[space] = _within(program, space)
    program.write(
        f"""
    for space, place in {places!r}.items():
        made = provider(space, kubeconfig=place, cluster_identifier=space)
        for number in range(10):
            k8s.core.v1.ConfigMap(
                f"{{space}}-{{number}}",
                metadata={{"name": f"c-{{number}}"}},
                data={{"space": space}},
                opts=ResourceOptions(provider=made),
            )
    """
    )

    program.up().succeeded()

    (server,) = engines.servers()
    until(lambda: not [each for each in server.net_connections("tcp") if each.status == "ESTABLISHED"])
    for space in spaces:
        found = api.items("v1", "ConfigMap", space)
        own = [entry for entry in found if entry["metadata"]["name"].startswith("c-")]
        assert [entry["data"] for entry in own] == [{"space": space}] * 10


def test_two_engines_at_once_keep_each_its_own_environment(program, engines, api, namespace):
    """Source: https://www.pulumi.com/docs/iac/concepts/resources/providers (a provider is its engine's own)."""
    program.write("    NAMED = os.environ['NAMED']\n" + AMBIENT)
    text = (program.folder / "__main__.py").read_text()
    (program.folder / "__main__.py").write_text(f"import os\n{text}")
    engines.call("stack", "init", "u")
    begun = {}
    for stack in ("t", "u"):
        space = f"{namespace}-{stack}"
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
        path = program.folder / f"{stack}.kubeconfig"
        path.write_text(_within(program, space))
        # A relative name, so that the folder in which the engine was typed counts as well.
        begun[space] = engines.begin(stack, KUBECONFIG=path.name, NAMED=space)

    for space, process in begun.items():
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        found = api.items("v1", "ConfigMap", space)
        own = [entry for entry in found if "-" in entry["metadata"]["name"] and "stack" in entry["data"]]
        assert [entry["data"] for entry in own] == [{"stack": space}] * 20


def test_an_interrupted_engine_leaves_the_calls_of_another_alone(program, engines, api, live, namespace):
    """Source: Cancel, proto/pulumi/provider.proto of pulumi/pulumi."""
    program.write(_waiting({"pool": namespace}))
    engines.call("stack", "init", "u")
    begun = {stack: engines.begin(stack) for stack in ("t", "u")}
    for stack in begun:
        until(partial(live, "apps/v1", "Deployment", f"web-{stack}"), seconds=40)
    assert len(engines.servers()) == 1

    begun["t"].send_signal(signal.SIGINT)
    output, _ = begun["t"].communicate(timeout=30)

    assert begun["t"].returncode != 0
    assert "interrupted" in output
    assert "exited prematurely" not in output
    assert begun["u"].poll() is None
    (node,) = api.items("v1", "Node")
    named = {"name": node["metadata"]["name"], "labels": {"pool": namespace}}
    api.apply({"apiVersion": "v1", "kind": "Node", "metadata": named}, manager="test")
    output, _ = begun["u"].communicate(timeout=40)
    assert begun["u"].returncode == 0, output


@pytest.mark.parametrize("victim", ["launcher", "server", "engine"])
def test_whatever_is_killed_the_next_run_converges_and_nobody_is_left(victim, program, engines, live):
    """Source: ErrorResourceInitFailed, proto/pulumi/provider.proto of pulumi/pulumi (its state is kept)."""
    program.write(_waiting(NOWHERE))
    process = engines.begin()
    until(lambda: live("apps/v1", "Deployment", "web-t"), seconds=40)
    uid = live("apps/v1", "Deployment", "web-t")["metadata"]["uid"]

    if victim == "engine":
        process.kill()
        process.communicate()
        engines.call("cancel", "--yes", "--stack", "t")
    else:
        for each in engines.launchers() if victim == "launcher" else engines.servers():
            each.kill()
        output, _ = process.communicate(timeout=60)
        assert process.returncode != 0
        assert {"launcher": "interrupted", "server": "found its server dead"}[victim] in output
    until(lambda: not engines.launchers(), seconds=5)

    program.write(_waiting({})).up("--refresh").succeeded()
    found = live("apps/v1", "Deployment", "web-t")
    assert found["metadata"]["uid"] == uid or victim == "engine"
    assert program.up().succeeded().ops == {}
    program.destroy().succeeded()
    assert live("apps/v1", "Deployment", "web-t") is None
    until(lambda: not engines.servers() and not engines.launchers(), seconds=20)


def test_a_frozen_server_is_given_up_for_a_new_one(program, engines):
    """Source: Attach and Handshake, proto/pulumi/provider.proto of pulumi/pulumi."""
    program.write('    k8s.core.v1.ConfigMap("c", metadata=meta("c"), opts=here())')
    program.up().succeeded()
    (frozen,) = engines.servers()
    os.kill(frozen.pid, signal.SIGSTOP)

    try:
        assert program.up().succeeded().ops == {}
    finally:
        os.kill(frozen.pid, signal.SIGCONT)

    until(lambda: frozen not in engines.servers(), seconds=20)


def test_nothing_is_left_of_a_launch_that_an_environments_end_meets(program, engines, live):
    """Source: Cancel, proto/pulumi/provider.proto of pulumi/pulumi."""
    program.write(_waiting(NOWHERE))
    process = engines.begin()
    until(lambda: live("apps/v1", "Deployment", "web-t"), seconds=40)

    engines.release()

    assert engines.servers() == []
    until(lambda: not engines.launchers(), seconds=5)
    process.communicate(timeout=60)
    assert process.returncode != 0
