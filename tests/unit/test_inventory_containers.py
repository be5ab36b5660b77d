"""The containers of an inventory: what each is, and what cannot be."""

import pytest

from atoll.core.errors import SettingsError
from atoll.platform import load
from atoll.platform.inventory import Container

_REST = """
controlPlane: {driver: local}
clusters: {lagoon: {driver: local}}
registries: {main: {kind: ecr, repositories: {app: {}, other: {}}}}
images:
  app: {context: app, registry: main, repository: app}
  copied: {from: "host.example/a@sha256:%s", registry: main, repository: other}
""" % ("1" * 64)
_PINNED = f"host.example/a@sha256:{'2' * 64}"


@pytest.fixture
def loaded(tmp_path):
    def load_text(text):
        folder = tmp_path / "stacks"
        folder.mkdir(exist_ok=True)
        (folder / "dev.yaml").write_text(f"{_REST}containers:\n{text}")
        return load(folder, "dev")

    return load_text


def test_a_container_has_what_is_said_of_it_and_brings_its_plugin(loaded):
    found = loaded(
        f"""
  app:
    image: ${{images.app.ref}}
    engine: tcp://docker.example:2376
    command: [--port, "80"]
    env: {{A: "1"}}
    ports: ["8080:80"]
    network: host
  little: {{image: "{_PINNED}"}}
"""
    )

    assert found.containers == {
        "app": Container(
            "${images.app.ref}",
            "app",
            {
                "engine": "tcp://docker.example:2376",
                "command": ["--port", "80"],
                "env": {"A": "1"},
                "ports": {8080: 80},
                "network": "host",
            },
        ),
        "little": Container(_PINNED),
    }
    assert "pulumi-resource-docker" in found.programs


@pytest.mark.parametrize(
    ("container", "problem"),
    [
        ("image: host.example/a:1", "containers.app.image: image host.example/a:1: found a tag alone"),
        ("image: '${images.ap.ref}'", "containers.app.image: found 'ap' in '${images.ap.ref}'; expected"),
        ("image: 'x${images.app.ref}'", "expected ${images.NAME.ref} and nothing else, or one by its digest"),
        (
            "image: '${images.app.digest}'",
            "expected ${images.NAME.ref} and nothing else, or one by its digest",
        ),
        (
            "image: '${images.copied.ref}'",
            "found '${images.copied.ref}', which is copied; expected one that is built here: app",
        ),
        (f"image: '{_PINNED}', ports: ['80']", "expected a port of the machine and one of the container"),
        (
            f"image: '{_PINNED}', engine: 'ssh://a'",
            "expected unix://PATH or tcp://HOST:PORT of a Docker engine",
        ),
    ],
)
def test_what_cannot_be_is_told(loaded, container, problem):
    with pytest.raises(SettingsError) as raised:
        loaded(f"  app: {{{container}}}\n")
    assert problem in str(raised.value)


def test_a_port_is_had_by_one_of_an_engine(loaded):
    text = f"  {{name}}: {{{{image: '{_PINNED}', ports: ['80:80'], engine: 'unix:///{{engine}}'}}}}\n"
    assert loaded(text.format(name="a", engine="one") + text.format(name="b", engine="two"))
    with pytest.raises(SettingsError, match=r"containers\.b\.ports: found 80, which containers\.a has"):
        loaded(text.format(name="a", engine="one") + text.format(name="b", engine="one"))
