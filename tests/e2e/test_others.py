"""What other repositories get: the wheel, which works without this one."""

import json
import zipfile
from pathlib import Path

import pytest

import atoll
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
