"""Whose a cluster or a registry of an environment is, where several stacks have some in it."""

import pytest

from atoll.automation import leaving
from atoll.cluster.effects import ExistingCluster
from atoll.cluster.local import launch
from atoll.core.effect import Context
from atoll.core.errors import ArgsError, RefusedError
from atoll.host import Environment, ownership
from atoll.platform.inventory import ControlPlane, Inventory
from atoll.registry.local import launch as registries

_OURS, _THEIRS = "atoll/e", "consumer/main"


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path, "e", tmp_path / "e")


def test_what_a_stack_made_is_its_own_however_often_it_asks(environment):
    launch.claim(environment, "reef", _THEIRS)
    launch.claim(environment, "reef", _THEIRS)

    assert launch.owner(environment, "reef") == _THEIRS
    assert launch.exists(environment, "reef")


@pytest.mark.parametrize("module", [launch, registries], ids=["cluster", "registry"])
def test_no_stack_takes_up_what_another_made(environment, module):
    module.claim(environment, "reef", _OURS)

    with pytest.raises(RefusedError, match=r"reef: found one of this name that stack atoll/e made .* Choose"):
        module.claim(environment, "reef", _THEIRS)

    assert module.owner(environment, "reef") == _OURS


def test_what_was_made_before_anybody_owned_it_is_whoevers_asks_first(environment):
    (environment.clusters / "reef").mkdir(parents=True)
    assert launch.owner(environment, "reef") == ""

    launch.claim(environment, "reef", _OURS)

    assert launch.owner(environment, "reef") == _OURS


def test_an_engine_that_names_no_owner_makes_no_folder(environment):
    ownership.claim(environment.clusters / "reef", "cluster reef", "")

    assert not launch.exists(environment, "reef")


def test_a_run_of_the_inventory_removes_its_own_remains_and_nobody_elses(environment, monkeypatch):
    for name, owner in {"gull": _OURS, "skua": "", "cove": _THEIRS}.items():
        (environment.clusters / name).mkdir(parents=True)
        (environment.folder / registries.FOLDER / name).mkdir(parents=True)
        launch.claim(environment, name, owner)
        registries.claim(environment, name, owner)
    inventory = Inventory("e", environment.project, ControlPlane("local"), {}, {}, {})
    removed = []
    monkeypatch.setattr(launch, "remove", lambda _environment, name: removed.append(name))
    monkeypatch.setattr(registries, "seat", lambda _environment, name: name)
    monkeypatch.setattr(registries, "remove", lambda _environment, name: removed.append(name))

    clusters = leaving.clear_unknown(environment, inventory, [])
    found = leaving.clear_registries(environment, inventory, [])

    assert clusters == found == ["gull", "skua"]
    assert removed == [*clusters, *found]


def test_an_existing_cluster_is_asked_by_the_kubeconfig_that_it_was_given():
    inputs = {"name": "reef", "kubeconfig": "current-context: none"}

    with pytest.raises(ArgsError, match="kubeconfig: "):
        ExistingCluster().create("reef", inputs, Context())

    assert ExistingCluster().check({**inputs, "file": "reef.yaml"})
    assert not ExistingCluster().check(inputs)
    assert ExistingCluster().stale(inputs, {"access": "other"}) is None


def test_a_relative_kubeconfig_is_of_the_programs_folder_where_no_environment_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reef.yaml").write_text("- no mapping")

    with pytest.raises(ArgsError, match="found no mapping"):
        ExistingCluster().create("reef", {"name": "reef", "file": "reef.yaml"}, Context())


def test_a_process_works_for_no_environment_unless_it_is_named(monkeypatch):
    monkeypatch.delenv("ATOLL_ENVIRONMENT", raising=False)
    assert Environment.given() is None
