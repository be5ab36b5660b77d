"""Without a builder nothing is built, and whoever asks is told so before anything is begun."""

import os

import pytest

from atoll.core import effect
from atoll.core.errors import UnavailableError
from atoll.provider import absent
from atoll.provider.engine import Engine
from atoll.registry.builder_effects import ImageBuilder
from harness.processes import bare

INPUTS = {"name": "builder", "registries": []}
LINE = (
    "builder builder: found no buildkitd; expected it. Run: atoll tools install buildkitd. Let `existing` name a builder "
    "that you made with buildx, or build elsewhere"
)


@pytest.fixture
def poor(tmp_path, monkeypatch):
    """A machine with neither programs nor a way to build them; an environment on it."""
    made = bare(tmp_path, monkeypatch)
    monkeypatch.setenv("ATOLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ATOLL_ENVIRONMENT", str(made.folder))
    monkeypatch.setenv("PATH", os.defpath)
    for name in ("GOPROXY", "PIP_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.setenv(
            name, "off" if name == "GOPROXY" else "1" if name == "PIP_NO_INDEX" else "http://127.0.0.1:1/"
        )
    return made


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root is told that first")
def test_a_preview_and_a_write_say_what_is_missing(poor):
    for ask in (
        lambda: ImageBuilder().refuse(INPUTS, {}),
        lambda: ImageBuilder().create("builder", INPUTS, effect.Context()),
    ):
        with pytest.raises(UnavailableError) as raised:
            ask()
        assert str(raised.value) == LINE
    assert not [path for path in poor.folder.rglob("*") if "buildkit" in path.name]


@pytest.mark.usefixtures("poor")
def test_what_asks_for_images_says_that_it_is_missing_and_lets_an_environment_go():
    plugin = absent.DockerBuild(Engine())
    image = plugin.effect("docker-build:index:Image")
    line = "image: found no pulumi-resource-docker-build; expected it. Run: atoll tools install pulumi-resource-docker-build"
    context = effect.Context()
    for ask in (
        lambda: image.refuse({}, {}),
        lambda: image.create("app", {}, context),
        lambda: image.read("1", {}, {}, context),
        lambda: image.update("1", {}, {}, context),
    ):
        with pytest.raises(UnavailableError) as raised:
            ask()
        assert str(raised.value) == line
    told: list[str] = []
    image.delete("1", {}, {}, effect.Context(warn=told.append))
    assert told == ["image: left as it is, since there is no pulumi-resource-docker-build to remove it"]
