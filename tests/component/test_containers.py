"""Containers: what their resources are given, and that no login is among it."""

from typing import cast

from atoll.registry import Container, ContainerArgs, Registry, RegistryArgs, RegistryKind
from atoll.testing import plain, record

_REF = f"host.example/app@sha256:{'1' * 64}"


def _made(**more):
    def program():
        registry = Registry("main", RegistryArgs(kind=RegistryKind.OCI))
        given = {"image": _REF, **more}
        if given.pop("registered", False):
            given["registry"] = registry
        Container("app", cast("ContainerArgs", given))

    found = record(program, "dev")
    return {each.type: each for each in found.resources.values() if each.custom}


def test_one_of_which_little_is_said_runs_on_the_engine_of_this_machine():
    made = _made()

    assert plain(made["pulumi:providers:docker"].inputs)["host"] == "unix:///var/run/docker.sock"
    assert plain(made["docker:index/remoteImage:RemoteImage"].inputs)["name"] == _REF
    container = plain(made["docker:index/container:Container"].inputs)
    assert (container["name"], container["restart"]) == ("app", "unless-stopped")
    assert not {"command", "envs", "ports", "networkMode"} & container.keys()


def test_all_that_is_said_reaches_the_engine_and_the_login_does_not():
    made = _made(
        registered=True,
        engine="unix:///elsewhere.sock",
        command=["--port", "80"],
        env={"A": "1"},
        ports={8080: 80},
        network="none",
    )

    engine = plain(made["pulumi:providers:docker"].inputs)
    assert engine["host"] == "unix:///elsewhere.sock"
    assert "main-local/address" in str(engine["registryAuth"])
    assert "password" not in str(engine["registryAuth"])
    container = plain(made["docker:index/container:Container"].inputs)
    assert container["command"] == ["--port", "80"]
    assert container["envs"] == ["A=1"]
    assert container["ports"] == [{"external": 8080, "internal": 80}]
    assert container["networkMode"] == "none"
