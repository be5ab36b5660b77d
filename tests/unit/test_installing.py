"""What programs of other repositories get by one command."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from atoll import toolchain
from atoll.automation.command_line import app
from atoll.core.errors import ArgsError
from atoll.provider import plugins
from atoll.provider.plugins import Kind, Plugin


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """What the toolchain and the plugins were asked for, and what the command printed."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    asked = {}

    def ensure(names, _progress):
        asked["programs"] = names
        return {name: Path("/tools") / name for name in names}

    def install(home, _pulumi, _env, more):
        asked["plugins"] = more
        return [Plugin("kubernetes", "1", asked.get("kind", Kind.STAND_IN), home)]

    monkeypatch.setattr(toolchain, "ensure", ensure)
    monkeypatch.setattr(toolchain, "place", lambda folder, names: asked.update(folder=folder, names=names))
    monkeypatch.setattr(plugins, "install", install)

    def run(*words, **more):
        asked.update(more)
        return CliRunner().invoke(app, ["plugins", "install", *words], catch_exceptions=False), asked

    return run


def test_a_program_in_python_gets_the_engine_its_host_and_the_plugins(installed, tmp_path):
    done, asked = installed()

    home = tmp_path / "home"
    assert asked["names"] == asked["programs"] == ["pulumi", "pulumi-language-python"]
    assert asked["folder"] == home / "atoll" / "bin"
    assert f"export PULUMI_HOME={home}" in done.stdout.splitlines()
    assert f'export PATH={home}/atoll/bin:"$PATH"' in done.stdout.splitlines()
    assert "export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true" in done.stdout.splitlines()


def test_where_official_plugins_are_had_the_engine_may_fetch_others(installed):
    done, _ = installed(kind=Kind.OFFICIAL)

    assert "export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=false" in done.stdout.splitlines()


def test_what_else_a_program_uses_is_named(installed):
    _, asked = installed("yaml", "docker", "docker-build")

    # The stand-in for docker's is none that is built.
    assert asked["programs"][2:] == ["pulumi-language-yaml", "pulumi-resource-docker-build"]
    assert asked["plugins"][1:] == ["pulumi-resource-docker", "pulumi-resource-docker-build"]


def test_a_plugin_that_is_not_known_is_refused(installed):
    with pytest.raises(
        ArgsError, match="plugins: found nodejs; expected some of: docker, docker-build, yaml"
    ):
        installed("nodejs")
