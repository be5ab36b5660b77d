"""Bundles on a real Karmada with two members."""

import contextlib
import itertools
import os
import tempfile
import threading
from datetime import timedelta
from pathlib import Path
from unittest import mock

import psutil
import pytest

from atoll.core.effect import Context
from atoll.federation import work_effects, works
from atoll.federation.bundle_effects import BundleDelivery, look
from atoll.host.environment import VARIABLE
from atoll.kubernetes import Api, ApiError, Kubeconfig
from atoll.kubernetes.client import MERGE
from harness import bundles, joining, site
from harness.waiting import until

pytestmark = pytest.mark.timeout(300)
MEMBERS, GUEST = ["heron", "tern"], "skua"
_COUNTER = itertools.count(1)


class Fleet:
    """A plane and its members, each as its owner reaches it."""

    def __init__(self, accesses):
        self.accesses = accesses
        self.plane, self.tern, self.heron = (
            Api(Kubeconfig.read(accesses[name])) for name in ("plane", "tern", "heron")
        )
        self.members = {"tern": self.tern, "heron": self.heron}


@pytest.fixture(scope="module")
def fleet():
    with (
        tempfile.TemporaryDirectory(prefix="atoll-") as folder,
        site.running(Path(folder) / "e", [*MEMBERS, GUEST], ["plane"]) as made,
        mock.patch.dict(os.environ),
    ):
        for name in MEMBERS:
            joining.join(made["plane"], name, made[name])
        # These clusters are somebody else's: no environment is at work.
        del os.environ[VARIABLE]
        yield Fleet(made)


class Carried:
    """A bundle of a test, with a namespace of its own."""

    def __init__(self, fleet, name):
        self.fleet, self.name = fleet, name
        self.outputs, self.warnings = {}, []

    def inputs(self, *resources, clusters=MEMBERS, **more):
        access = self.fleet.accesses["plane"]
        found = [bundles.namespace(self.name), *resources]
        return bundles.inputs(found, clusters, name=self.name, access=access, **more)

    def up(self, *resources, **more):
        inputs = self.inputs(*resources, **more)
        outcome = BundleDelivery().create(self.name, inputs, Context(warn=self.warnings.append))
        self.outputs = outcome.outputs
        return list(outcome.problems)

    def look(self, *resources, **more):
        found = look(self.inputs(*resources, **more))
        return {name: served.lacking for name, served in found.items() if served.lacking}

    def works(self):
        """{member: (generation, version) of its Work}."""
        found = self.fleet.plane.items(works.API, "Work", labelSelector=f"{works.BUNDLE}={self.name}")
        return {
            works.cluster_of(each): (each["metadata"]["generation"], each["metadata"]["resourceVersion"])
            for each in found
        }

    def delete(self):
        BundleDelivery().delete(self.name, self.inputs(), self.outputs, Context(warn=self.warnings.append))

    def config(self, name, **data):
        return bundles.config(name, self.name, **data)


@pytest.fixture
def carried(fleet):
    made = Carried(fleet, f"b{next(_COUNTER)}")
    yield made
    made.delete()
    assert made.works() == {}


def _versions(fleet, *objects):
    return [
        api.get(each)["metadata"]["resourceVersion"] for api in fleet.members.values() for each in objects
    ]


def _merge(api, manifest, change):
    api.request("PATCH", api.path(manifest), change, content_type=MERGE)


def test_a_first_run_brings_all_and_a_second_one_writes_nothing(fleet, carried):
    parts = [
        carried.config("one", text="1"),
        bundles.role(carried.name, "get"),
        bundles.closed("closed", carried.name),
        bundles.quota("quota", carried.name),
    ]

    assert carried.up(*parts) == []
    assert carried.outputs == {"delivered": {"heron": 5, "tern": 5}, "lacking": {}, "leaving": {}}
    for api in fleet.members.values():
        assert api.get(parts[0])["data"] == {"text": "1"}
    # What Karmada says of its Work comes a moment after the objects are there.
    until(lambda: all(_applied(fleet, carried, name) for name in MEMBERS), "Karmada calls them applied")
    before = carried.works(), _versions(fleet, *parts)
    assert set(before[0]) == set(MEMBERS)

    assert carried.up(*parts) == []
    assert (carried.works(), _versions(fleet, *parts)) == before
    assert carried.look(*parts) == {}


def _applied(fleet, carried, member):
    work = fleet.plane.get(works.Bundle(carried.inputs()).reference(member))
    conditions = (work.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Applied" and each["status"] == "True" for each in conditions)


def test_a_change_touches_what_it_is_of_and_an_override_its_cluster(fleet, carried):
    one, two = carried.config("one", text="1"), carried.config("two", text="1")
    carried.up(one, two)
    before = _versions(fleet, two)

    rule = {"op": "replace", "path": "/data/text", "value": "3"}
    mark = {"op": "replace", "path": "/metadata/annotations/atoll.dev~1revision", "value": "special"}
    inputs = carried.inputs(carried.config("one", text="2"), two)
    inputs["overrides"] = [{"object": 1, "clusters": ["heron"], "patches": [rule, mark]}]
    inputs["objects"][1]["revisions"] = {"heron": "special"}
    outcome = BundleDelivery().update(carried.name, inputs, carried.outputs, Context())

    assert outcome.problems == ()
    assert [api.get(one)["data"]["text"] for api in (fleet.tern, fleet.heron)] == ["2", "3"]
    assert _versions(fleet, two) == before


def test_a_label_that_left_an_object_leaves_the_members_and_one_of_theirs_stays(fleet, carried):
    one = carried.config("one")
    one["metadata"] |= {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    carried.up(one)
    _merge(fleet.tern, one, {"metadata": {"labels": {"mine": "yes"}, "annotations": {"also": "mine"}}})

    assert carried.up(carried.config("one")) == []

    metadata = fleet.tern.get(one)["metadata"]
    assert not {"team", "note"} & {*metadata["labels"], *metadata["annotations"]}
    assert (metadata["labels"]["mine"], metadata["annotations"]["also"]) == ("yes", "mine")


def test_what_leaves_a_bundle_goes_and_what_another_one_took_over_stays(fleet, carried):
    kept, gone, moved = (carried.config(name) for name in ("kept", "gone", "moved"))
    other = Carried(fleet, f"{carried.name}-other")
    carried.up(kept, gone, moved)

    access = fleet.accesses["plane"]
    taken = bundles.inputs([moved], MEMBERS, name=other.name, access=access)
    assert BundleDelivery().create(other.name, taken, Context()).problems == ()
    assert carried.up(kept) == []

    assert carried.outputs["leaving"] == {}
    for api in fleet.members.values():
        assert api.get(kept)
        assert api.get(gone) is None
        assert api.get(moved)["metadata"]["labels"][works.BUNDLE] == other.name
    other.delete()
    assert not any(api.get(moved) for api in fleet.members.values())


def test_what_was_to_go_in_a_run_that_was_killed_goes_in_the_next(fleet, carried):
    kept, gone = carried.config("kept"), carried.config("gone")
    carried.up(kept, gone)
    inputs = carried.inputs(kept)
    bundle = works.Bundle(inputs)
    # As far as a run comes that is killed between the Works and the members.
    for name in MEMBERS:
        work, copies = fleet.plane.get(bundle.reference(name)), bundle.copies(name)
        fleet.plane.apply(bundle.work(name, copies, works.leaving(work, copies)), force=True)

    assert carried.up(kept) == []
    assert not any(api.get(gone) for api in fleet.members.values())
    work = fleet.plane.get(bundle.reference("tern"))
    assert works.LEAVING not in work["metadata"]["annotations"]


def test_drift_is_told_and_put_back_by_the_next_run(fleet, carried):
    gone, changed, opened, quota = (
        carried.config("gone", text="1"),
        carried.config("changed", text="1"),
        bundles.closed("closed", carried.name),
        bundles.quota("quota", carried.name),
    )
    parts = [gone, changed, opened, quota]
    carried.up(*parts)
    fleet.tern.delete(gone)
    _merge(fleet.tern, changed, {"data": {"more": "2"}})
    _merge(fleet.heron, opened, {"spec": {"ingress": [{}]}})
    _merge(fleet.heron, quota, {"metadata": {"labels": {"mine": "yes"}}})

    found = carried.look(*parts)

    assert found == {
        "tern": {
            f"ConfigMap {carried.name}/changed": "somebody changed data.more",
            f"ConfigMap {carried.name}/gone": "it is not there",
        },
        # What somebody added beside is theirs, and an amount in other words is the same.
        "heron": {f"NetworkPolicy {carried.name}/closed": "somebody changed spec.ingress"},
    }
    # Karmada's cache of the member hears of a deletion a moment later than we do; a run asks it again.
    assert carried.up(*parts) == []
    assert fleet.tern.get(gone)["data"] == {"text": "1"}
    assert fleet.tern.get(changed)["data"] == {"text": "1"}
    assert "ingress" not in fleet.heron.get(opened)["spec"]
    assert carried.look(*parts) == {}


@contextlib.contextmanager
def _denied(api, carried, key):
    denial = bundles.denial(carried.name, key)
    for each in denial:
        api.apply(each)
    probe = bundles.config("probe", "default", **{key: "x"})

    def holds():
        try:
            api.apply(probe, dry_run=True)
        except ApiError:
            return True
        return False

    until(holds, "the policy is in force")
    try:
        yield
    finally:
        for each in reversed(denial):
            api.delete(each)
        until(lambda: not holds(), "the policy is gone")


def test_what_one_member_refuses_is_named_and_all_else_is_applied(fleet, carried):
    fine, bad, foreign = (
        carried.config("fine", text="1"),
        carried.config("bad", denied="x"),
        carried.config("foreign", text="1"),
    )
    parts = [bad, foreign, fine]
    carried.up()
    fleet.heron.apply({**foreign, "data": {"text": "theirs"}}, manager="somebody")
    with _denied(fleet.tern, carried, "denied"):
        problems = carried.up(*parts)
        again = carried.works()
        repeated = carried.up(*parts)

        assert repeated == problems
        assert carried.works().keys() == again.keys()
        assert {name: each[0] for name, each in carried.works().items()} == {
            name: each[0] for name, each in again.items()
        }

    where = f"bundle {carried.name}: cluster"
    told, denied = problems
    assert told == (
        f"{where} heron: ConfigMap {carried.name}/foreign: it is there and not Karmada's, "
        "so it was left as it is (conflictResolution: abort)"
    )
    assert denied.startswith(f"{where} tern: ConfigMap {carried.name}/bad: refused: ")
    assert denied.endswith("denied is not allowed here")
    assert carried.outputs["delivered"] == {"heron": 3, "tern": 3}
    assert fleet.tern.get(foreign)
    assert fleet.heron.get(bad)
    assert [api.get(fine)["data"]["text"] for api in fleet.members.values()] == ["1", "1"]
    assert fleet.heron.get(foreign)["data"] == {"text": "theirs"}

    assert carried.up(*parts, conflictResolution="overwrite") == []
    assert fleet.heron.get(foreign)["data"] == {"text": "1"}
    assert fleet.tern.get(bad)


def test_a_kind_that_nobody_knows_is_named_when_the_time_is_over(fleet, carried):
    strange = {"apiVersion": "example.com/v1", "kind": "Strange", "metadata": {"name": "thing"}}
    fine = carried.config("fine")

    problems = carried.up(strange, fine, timeoutSeconds=3)

    assert len(problems) == len(MEMBERS)
    assert all("Strange thing: the control plane does not know it" in each for each in problems)
    assert all(api.get(fine) for api in fleet.members.values())


def test_a_member_that_joins_is_served_by_the_run_at_work(fleet, carried):
    note = carried.config("note", text="1")
    found = []
    run = threading.Thread(target=lambda: found.extend(carried.up(note, clusters=[*MEMBERS, GUEST])))
    run.start()
    joining.join(fleet.accesses["plane"], GUEST, fleet.accesses[GUEST])
    run.join()

    assert found == []
    assert carried.outputs["delivered"] == {"heron": 2, GUEST: 2, "tern": 2}
    assert Api(Kubeconfig.read(fleet.accesses[GUEST])).get(note)


def test_a_cluster_that_the_bundle_no_longer_goes_to_is_cleared(fleet, carried):
    note = carried.config("note", text="1")
    carried.up(note)

    assert carried.up(note, clusters=["tern"]) == []

    assert set(carried.works()) == {"tern"}
    until(lambda: fleet.heron.get(note) is None, "heron is cleared")
    assert fleet.tern.get(note)


def test_a_cluster_that_never_joins_holds_up_no_other(fleet, carried):
    note = carried.config("note")

    (problem,) = carried.up(note, clusters=["nobody", "tern"], timeoutSeconds=2)

    assert problem == f"bundle {carried.name}: cluster nobody: it has not joined"
    assert carried.outputs["delivered"] == {"nobody": 0, "tern": 2}
    assert fleet.tern.get(note)


def test_a_frozen_member_holds_up_no_other_and_has_all_once_it_is_back(fleet, carried, monkeypatch):
    monkeypatch.setattr(work_effects, "_SILENT_PATIENCE", timedelta(seconds=1))
    note = carried.config("note", text="2")
    carried.up(carried.config("note", text="1"))

    with _frozen(fleet.tern):
        (problem,) = carried.up(note)
        assert fleet.heron.get(note)["data"]["text"] == "2"

    assert problem.startswith(f"bundle {carried.name}: cluster tern: cannot be asked: ")
    assert carried.outputs["delivered"] == {"heron": 2, "tern": 0}
    assert carried.up(note) == []
    assert fleet.tern.get(note)["data"]["text"] == "2"


@contextlib.contextmanager
def _frozen(api):
    """A cluster whose API server takes connections and answers none."""
    port = f"--secure-port={api.kubeconfig.server.rpartition(':')[2]}"
    running = psutil.process_iter(["cmdline"])
    (server,) = [each for each in running if port in (each.info["cmdline"] or [])]
    server.suspend()
    try:
        yield
    finally:
        server.resume()
