"""`atoll init`: an inventory to begin with, of our own words or of an inventory that Ansible reads.

Source: https://docs.ansible.com/ansible/latest/cli/ansible-inventory.html
"""

import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from atoll.automation import words
from atoll.automation.command_line import app
from atoll.core import command
from atoll.core.errors import RefusedError, SettingsError, UnavailableError
from atoll.platform import ansible, load

SOURCE = Path(__file__).parent / "ansible" / "hosts.yaml"
EMPTY = {"_meta": {"hostvars": {}}, "all": {"children": ["ungrouped"]}}


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks the real ansible-inventory: `ask("--host", "reef")`."""
    home = tmp_path_factory.mktemp("home")
    program = Path(sys.executable).parent / "ansible-inventory"

    def call(*more):
        variables = {
            "HOME": str(home),
            "ANSIBLE_HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
        }
        return json.loads(command.run([program, "-i", SOURCE, *more], env=variables).stdout)

    return call


@pytest.fixture(scope="module")
def listed(ask):
    return ask("--list", "--export")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "stacks").mkdir()
    monkeypatch.setattr(words, "project", lambda: tmp_path)
    return tmp_path


def _init(*argv, **more):
    done = CliRunner().invoke(app, ["init", *map(str, argv)], **more)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_what_it_writes_to_begin_with_is_an_inventory_that_can_come_up(checkout):
    said = _init("dev")

    found = load(checkout / "stacks", "dev")
    assert "atoll up dev" in said
    assert {each.driver for each in found.clusters.values()} == {"local"}
    assert found.clusters["first"].variables != found.clusters["second"].variables
    assert found.propagations["hello"].overrides
    text = (checkout / "stacks" / "dev.yaml").read_text()
    assert "ENV" not in text
    assert "`atoll up dev`" in text
    assert (checkout / "stacks" / "dev.yaml").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("name", "error"),
    [("dev", RefusedError), ("base", RefusedError), ("De v", SettingsError)],
)
def test_nothing_that_is_there_is_overwritten(checkout, name, error):
    (checkout / "stacks" / "dev.yaml").write_text("mine")

    with pytest.raises(error):
        _init(name)

    assert [path.read_text() for path in (checkout / "stacks").iterdir()] == ["mine"]


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """The real ansible-inventory is on PATH."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "ansible"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


NAMES = {"Lagoon.example.org": "lagoon-example-org", "lagoon_example-org": "lagoon-example-org-2"}


@pytest.mark.usefixtures("reader")
def test_every_host_has_the_variables_that_ansible_tells_or_stands_in_the_list(ask, checkout):
    said = _init("old", "--from-ansible", SOURCE)

    found = load(checkout / "stacks", "old").clusters
    theirs = ask("--list")["_meta"]["hostvars"]
    assert theirs["reef"] == ask("--host", "reef")
    assert set(theirs) == {"Lagoon.example.org", "reef", "motu", "alone", "lagoon_example-org"}
    different = set()
    for host, variables in theirs.items():
        name, ours = NAMES.get(host, host), found[NAMES.get(host, host)].variables
        different |= {
            (name, each)
            for each in variables.keys() | ours.keys()
            if each not in ours or each not in variables or ours[each] != variables[each]
        }
    assert different == {
        ("lagoon-example-org", "ansible_host"),
        ("lagoon-example-org", "tuning"),
        ("reef", "tuning"),
        ("alone", "lagoon-example-org"),
    }
    assert "cluster reef: variable tuning is {'hugepages': False, 'sysctl': {'a': 1, 'b': 3}} here, " in said
    # A file of group_vars has the last word over the inventory itself, whatever its group's priority.
    assert found["reef"].variables["replicas"] == 2
    assert "cluster reef: variable replicas is written at the cluster itself" in said


def test_what_is_listed_alone_does_not_tell_who_has_the_last_word(listed, checkout):
    said = _init("old", "--from-ansible", "-", input=json.dumps(listed))

    assert (
        "host reef: variable replicas is given by south and early; the last of them has the last word here"
        in said
    )
    assert load(checkout / "stacks", "old").clusters["reef"].variables["replicas"] == 7
    assert not re.search(r"host motu: variable replicas is given", said)


@pytest.mark.usefixtures("reader")
def test_what_ansible_does_not_read_is_told_and_a_machine_without_it_as_well(checkout, monkeypatch):
    (checkout / "hosts").write_text("[a\nb: {")
    with pytest.raises(SettingsError, match=r"found no inventory that Ansible reads: .*parse"):
        _init("old", "--from-ansible", checkout / "hosts")

    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UnavailableError, match=r"ansible-inventory: found none on PATH; .* --list --export"):
        _init("old", "--from-ansible", SOURCE)

    assert not list((checkout / "stacks").iterdir())


def test_what_has_no_counterpart_is_told_and_stands_above_the_text(listed):
    made = ansible.carried(listed, "old")

    notes = "\n".join(made.notes)
    assert "host Lagoon.example.org: is cluster lagoon-example-org here" in notes
    assert "host lagoon_example-org: is cluster lagoon-example-org-2 here" in notes
    assert "group coast_north: is group coast-north here" in notes
    assert "host Lagoon.example.org: variable ansible_host is left out (how Ansible connects)" in notes
    assert "host alone: variable lagoon-example-org is left out (no name of a variable)" in notes
    assert "group early: variable banner is a template of Ansible's" in notes
    assert "host alone: found no kubeconfig among its variables" in notes
    assert all(f"\n# - {note}\n" in made.text for note in made.notes)
    content = yaml.safe_load(made.text)
    assert content["clusters"]["reef"]["kubeconfig"] == {"file": "~/.kube/south", "context": "reef-admin"}
    assert content["clusters"]["motu"]["driver"] == "kubeconfig"
    assert content["groups"]["early"]["priority"] == 10
    assert content["groups"]["ungrouped"]["clusters"] == ["alone", "lagoon-example-org-2"]
    assert "empty" in content["groups"]


def test_two_hosts_of_one_kubeconfig_and_what_the_vault_sealed_are_no_clusters_and_no_variables():
    sealed = {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n00"}
    listed = {
        "_meta": {
            "hostvars": {"b": {"kubeconfig": "k", "deep": [{"password": sealed}]}, "a": {"kubeconfig": "k"}}
        },
        "all": {"children": ["ungrouped"]},
        "ungrouped": {"hosts": ["a", "b"]},
    }

    made = ansible.carried(listed, "old")

    content = yaml.safe_load(made.text)
    assert content["clusters"]["a"] == {
        "driver": "kubeconfig",
        "kubeconfig": {"file": "k"},
        "vars": {"kubeconfig": "k"},
    }
    assert content["clusters"]["b"]["driver"] == "local"
    assert "groups" not in content
    assert "found the kubeconfig and context of a" in "\n".join(made.notes)
    assert "variable deep is left out (sealed by Ansible Vault" in "\n".join(made.notes)
    assert "AES256" not in made.text


@pytest.mark.parametrize("given", ["{", "[]", "{}", '{"_meta": {}, "a": 1}', json.dumps(EMPTY)])
def test_what_is_no_inventory_of_ansibles_is_refused(checkout, given):
    with pytest.raises(SettingsError, match=r"-: found .*; expected"):
        _init("old", "--from-ansible", "-", input=given)

    assert not list((checkout / "stacks").iterdir())


def test_a_file_that_is_not_there_is_told(checkout):
    with pytest.raises(UnavailableError, match="found no readable file"):
        _init("old", "--from-ansible", checkout / "none")
