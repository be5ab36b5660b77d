"""Without the engine's plugin nothing is built, and whoever asks is told so before anything is begun."""

import os

import pytest

from atoll.automation import preparation
from atoll.core import effect
from atoll.core.errors import UnavailableError
from atoll.registry.builder_effects import ImageBuilder
from harness.processes import Told, bare

INPUTS = {"name": "builder", "registries": []}
LINE = (
    "builder builder: found no pulumi-resource-docker-build; expected it, since it asks for every build. Run: atoll tools "
    "install pulumi-resource-docker-build"
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
def test_a_program_that_cannot_be_had_is_left_to_what_needs_it():
    assert not preparation._had("buildkitd", Told())
