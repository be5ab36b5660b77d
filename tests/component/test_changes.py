"""An edit of the inventory changes the resources that it means and no others."""

import pytest

from atoll.testing import plain
from harness import environments


def _changed(before, after):
    """(new, gone, changed) resources by URN."""
    old, new = before.resources, after.resources
    both = old.keys() & new.keys()
    return (
        new.keys() - old.keys(),
        old.keys() - new.keys(),
        {urn for urn in both if plain(old[urn].inputs) != plain(new[urn].inputs)},
    )


def _names(urns):
    return {urn.rpartition("::")[2] for urn in urns}


def _without(value, name):
    """A value with a cluster's name taken out of every list, and out of maps by cluster."""
    if isinstance(value, dict):
        return {key: _without(child, name) for key, child in value.items() if key != name}
    if isinstance(value, list):
        return [_without(child, name) for child in value if child != name]
    return value


def test_the_same_inventory_gives_the_same_resources(edited):
    again = edited("dev", lambda _values: None)

    assert _changed(environments.recorded("dev"), again) == (set(), set(), set())


@pytest.mark.parametrize("group", ["north", "south"])
def test_a_new_member_brings_its_own_resources_and_joins_the_lists_of_clusters(edited, group):
    before = environments.recorded("dev")

    def add(values):
        values["clusters"]["palm"] = {"driver": "local", "groups": [group, "coast"]}

    after = edited("dev", add)

    new, gone, changed = _changed(before, after)
    assert {after.resources[urn].component for urn in new} == {("Cluster", "palm"), ("Member", "palm")}
    assert not gone
    types = {before.resources[urn].type.rpartition(":")[2] for urn in changed}
    assert types == {"ClusterPropagationPolicy", "ClusterOverridePolicy", "PropagationStatus"}
    for urn in changed:
        assert _without(plain(after.resources[urn].inputs), "palm") == plain(before.resources[urn].inputs)


def test_a_member_that_leaves_takes_its_own_resources_alone(edited):
    before = environments.recorded("dev")

    after = edited("dev", lambda values: values["clusters"].pop("reef"))

    new, gone, changed = _changed(before, after)
    assert not new
    assert {before.resources[urn].component for urn in gone} == {("Cluster", "reef"), ("Member", "reef")}
    for urn in changed:
        assert _without(plain(before.resources[urn].inputs), "reef") == plain(after.resources[urn].inputs)


def test_more_nodes_change_one_cluster(edited):
    after = edited("dev", lambda values: values["clusters"]["reef"].update(nodes=5))

    new, gone, changed = _changed(environments.recorded("dev"), after)
    assert (new, gone, _names(changed)) == (set(), set(), {"reef-local"})


def test_another_image_changes_what_uses_it(edited):
    before = environments.recorded("dev")

    after = edited("dev", lambda values: values.update(vars={"image": "registry.k8s.io/pause:3.9"}))

    new, gone, changed = _changed(before, after)
    assert not new
    assert not gone
    assert {before.resources[urn].component for urn in changed} == {("Propagation", "guestbook")}
    assert {before.resources[urn].type.rpartition(":")[2] for urn in changed} == {
        "Deployment",
        "ClusterOverridePolicy",
        "PropagationStatus",
    }


def test_a_variable_of_one_cluster_changes_its_override_alone(edited):
    before = environments.recorded("dev")

    after = edited("dev", lambda values: values["clusters"]["reef"].update(vars={"logLevel": "trace"}))

    new, gone, changed = _changed(before, after)
    assert not new
    assert not gone
    assert {before.resources[urn].type.rpartition(":")[2] for urn in changed} == {
        "ClusterOverridePolicy",
        "PropagationStatus",
    }
