"""What other repositories get: the wheel, which works without this one, and what their programs make by it."""

import json
import zipfile
from functools import partial
from pathlib import Path

import pytest
import yaml

import atoll
from atoll.kubernetes import Api, Kubeconfig
from harness.consumer import Consumer
from harness.wheel import Installed

_KINDS = {
    *("Cluster", "ControlPlane", "Member", "Propagation"),
    *("Key", "SealedSecret"),
    *("Registry", "Repository", "Builder", "Image"),
    "Release",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(installed):
    here = Path(atoll.__file__).parent
    ours = {
        f"atoll/{path.relative_to(here)}"
        for path in here.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    held = set(zipfile.ZipFile(installed.wheel).namelist())

    assert {name for name in held if not name.startswith("atoll-")} == ours


def test_every_kind_of_component_is_used_from_the_wheel_alone(installed, tmp_path):
    done = installed.run("python", "-I", Path(__file__).with_name("kinds.py"), cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["atoll"]).is_relative_to(installed.folder)
    assert {f"atoll:index:{kind}" for kind in _KINDS} <= told["registered"].keys()
    assert told["registered"]["atoll:index:Member"] == ["atollita"]
    assert "kubernetes:helm.sh/v4:Chart" in told["registered"]
    assert "docker-build:index:Image" in told["registered"]


def test_the_command_knows_its_programs_without_a_checkout(installed, tmp_path):
    done = installed.run("atoll", "tools", "list", "--json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert {"pulumi", "etcd", "karmada-scheduler"} <= {each["name"] for each in json.loads(done.stdout)}


@pytest.mark.timeout(900)
def test_a_stack_of_another_repository_joins_its_own_cluster_to_an_environment(up, installed, tmp_path):
    checkout, _ = up
    consumer = Consumer("consumer-python", tmp_path, installed, partial(checkout.shell, "test"))
    environment, plane = checkout.environment("test"), checkout.api("test", "control-plane")

    consumer.begin(environment="organization/atoll/test")
    try:
        made = consumer.up()
        consumer.up("--refresh", "--expect-no-changes")
        path = environment.clusters / "atollita" / "pki" / "admin.kubeconfig"
        api = Api(Kubeconfig.read(path.read_text()))

        assert made["delivered"] == {"atollita": 2}
        assert made["endpoint"] == api.kubeconfig.server
        assert made["federation"] == plane.kubeconfig.server
        neighbours = api.request("GET", "/api/v1/namespaces/tours/configmaps/neighbours")
        assert neighbours["data"]["clusters"].split() == sorted(_declared(checkout))
        # The environment goes on as if nobody else were there, and leaves what is not its own.
        assert checkout.report("up", "test")["changes"] == []
        assert api.healthy()
    finally:
        consumer.down()

    assert not (environment.clusters / "atollita").exists()
    assert _members(plane) == _declared(checkout)


@pytest.mark.timeout(900)
def test_a_program_in_yaml_uses_components_of_the_package(up, installed, tmp_path):
    checkout, _ = up
    consumer = Consumer("consumer-yaml", tmp_path, installed, partial(checkout.shell, "test"), "yaml")
    environment, plane = checkout.environment("test"), checkout.api("test", "control-plane")

    consumer.begin(environment="organization/atoll/test")
    consumer.pulumi("preview")
    try:
        made = consumer.up()
        consumer.up("--refresh", "--expect-no-changes")
        api = Api(Kubeconfig.read(consumer.pulumi("stack", "output", "access", "--show-secrets")))

        assert made["endpoint"] == api.kubeconfig.server
        assert made["identifier"] == api.identifier()
        assert made["access"] == "[secret]"
        assert _regions(api) == ["south", "south"]
        assert _members(plane) == _declared(checkout) | {"cove"}

        consumer.pulumi("config", "set", "nodes", "1")
        consumer.up()
        assert _regions(api) == ["south"]
    finally:
        consumer.down()

    assert not (environment.clusters / "cove").exists()
    assert _members(plane) == _declared(checkout)


def _regions(api):
    return [each["metadata"]["labels"]["topology.kubernetes.io/region"] for each in api.items("v1", "Node")]


def _members(plane):
    return {each["metadata"]["name"] for each in plane.items("cluster.karmada.io/v1alpha1", "Cluster")}


def _declared(checkout):
    return set(yaml.safe_load((checkout.folder / "stacks" / "test.yaml").read_text())["clusters"])
