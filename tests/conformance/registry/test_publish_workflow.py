"""The workflow that builds and publishes, run in order against a real Docker engine and a real registry."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from atoll import toolchain
from atoll.automation import workflows
from atoll.registry.client import Client
from atoll.registry.logins import Login
from harness import docker, registry
from harness.workflows import Runner

ROOT = Path(__file__).parents[3]
VERSION = yaml.safe_load((ROOT / "charts" / "service" / "Chart.yaml").read_text())["version"]
SHA = "1f0c5d4b3a291807f6e5d4c3b2a1908f7e6d5c4b"
_PINNED = re.compile(r"^(?:oci://)?(127\.0\.0\.1:\d+/team/[\w/-]+)@(sha256:[0-9a-f]{64})$", re.MULTILINE)

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(docker.lacking()), reason=docker.lacking()),
    pytest.mark.skipif(
        not shutil.which("docker"), reason="no docker on PATH (Debian: apt-get install docker-cli)"
    ),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with docker.served(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "registry"
    folder.mkdir()
    with registry.served(folder) as made:
        yield made


@pytest.fixture
def runner(tmp_path, address, served):
    """A runner of a checkout with an image of two files and the chart for services."""
    checkout = tmp_path / "checkout"
    (checkout / "stacks").mkdir(parents=True)
    (checkout / "Pulumi.yaml").touch()
    shutil.copytree(ROOT / "charts" / "service", checkout / "charts" / "service")
    with (checkout / "charts" / "service" / "Chart.yaml").open("a") as chart:
        chart.write('appVersion: "2.7.1"\n')
    (checkout / "images" / "light").mkdir(parents=True)
    (checkout / "images" / "light" / "Dockerfile").write_text("FROM scratch\nCOPY lamp /\n")
    publish = {
        "registry": f"{served.host}/team",
        "images": {"light": {"context": "images/light", "prepare": "echo on > images/light/lamp"}},
        "charts": ["charts/service"],
    }
    (checkout / ".github").mkdir()
    (checkout / workflows.SETTINGS).write_text(yaml.safe_dump({"publish": publish, "install": ["true"]}))
    trusted = tmp_path / "authority.pem"
    trusted.write_text(served.authority)
    programs = str(Path(sys.executable).parent)
    variables = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DOCKER_HOST": address,
        "DOCKER_BUILDKIT": "0",
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "SSL_CERT_FILE": str(trusted),
        "GITHUB_ACTOR": registry.USER,
        "GITHUB_SHA": SHA,
        "PLANTED_TOKEN": registry.PASSWORD,
    }
    subprocess.run(
        ["atoll", "ci", "render", "github"],  # noqa: S607 - it is beside this Python
        cwd=checkout,
        env=variables,
        check=True,
    )
    return Runner(checkout, tmp_path / "runner", variables)


def test_a_commit_is_an_image_and_a_chart_by_digest_and_its_second_run_changes_neither(runner, served):
    toolchain.ensure(["helm"])
    first, again = (runner.run("publish")["publish"] for _ in range(2))

    assert first.failed == [], first.steps
    assert again.failed == [], again.steps
    pinned = _PINNED.findall(first.summary)
    assert [name for name, _ in pinned] == [f"{served.host}/team/light", f"{served.host}/team/charts/service"]
    assert _PINNED.findall(again.summary) == pinned
    assert "Step 1/2" in first.steps["Build light"][1]
    assert "Step" not in again.steps["Build light"][1]
    client = Client(Login(served.host, registry.USER, registry.PASSWORD, served.authority))
    chart = client.manifest("team/charts/service", VERSION)
    assert client.digest("team/light", SHA) == pinned[0][1]
    assert chart is not None
    assert chart.digest == pinned[1][1]
    told = json.loads(b"".join(client.blob("team/charts/service", chart.document["config"]["digest"])))
    assert (told["version"], told["appVersion"]) == (VERSION, "2.7.1")
    assert registry.PASSWORD not in "".join(text for _, text in first.steps.values())
