"""What a shell offers, by the command's own completion, in a checkout of its own."""

import pytest
from typer.testing import CliRunner

from atoll.automation.command_line import app
from atoll.host import Environment

_INVENTORY = """
groups:
  north: {}
clusters:
  lagoon: {driver: local, groups: [north]}
  reef: {driver: locl}
tags:
  shop: [clusters.reef]
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose inventory has a mistake: it is being written."""
    folder = tmp_path / "checkout"
    (folder / "stacks").mkdir(parents=True)
    (folder / "Pulumi.yaml").touch()
    (folder / "stacks" / "base.yaml").write_text("clusters:\n  motu: {driver: local}\n")
    (folder / "stacks" / "dev.yaml").write_text(_INVENTORY)
    (folder / "stacks" / "Pulumi.dev.yaml").touch()
    (folder / "stacks" / "torn.yaml").write_text("clusters: [\n")
    monkeypatch.setenv("ATOLL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(folder)
    programs = Environment.of(folder, "dev-2").programs
    programs.mkdir(parents=True)
    (programs / "lagoon.etcd.conf").touch()
    return folder


def _offered(line):
    """What bash is offered for the last word of a line."""
    asked = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_ATOLL_COMPLETE": "complete_bash",
    }
    return CliRunner().invoke(app, [], prog_name="atoll", env=asked).output.split()


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("atoll des", ["destroy"]),
        ("atoll up ", ["dev", "dev-2", "torn"]),
        ("atoll drift de", ["dev", "dev-2"]),
        ("atoll doctor to", ["torn"]),
        ("atoll kubeconfig dev ", ["control-plane", "lagoon", "motu", "reef"]),
        ("atoll kubeconfig dev-2 l", ["lagoon"]),
        ("atoll up dev --forget ", ["lagoon", "motu", "reef"]),
        ("atoll up dev --limit ", ["all", "control-plane", "lagoon", "motu", "north", "reef"]),
        ("atoll drift dev --limit north,!re", ["north,!reef"]),
        ("atoll up dev --tags s", ["secrets", "shop"]),
        ("atoll up dev --skip-tags keys,al", ["keys,all", "keys,always"]),
        ("atoll inventory show dev --cluster m", ["motu"]),
        ("atoll inventory diff dev to", ["torn"]),
        ("atoll secrets rotate-at-rest dev lagoon re", ["reef"]),
        ("atoll logs dev-2 l", ["lagoon.etcd"]),
        ("atoll recap dev --format j", ["json", "junit"]),
        ("atoll recap dev --js", ["--json"]),
        ("atoll schema n", ["ndjson"]),
        # What cannot be read, or is not there, offers nothing and says nothing.
        ("atoll kubeconfig torn l", []),
        ("atoll kubeconfig nowhere l", []),
    ],
)
def test_names_are_offered(line, offered):
    assert _offered(line) == offered


def test_outside_a_checkout_nothing_is_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert _offered("atoll up d") == []
