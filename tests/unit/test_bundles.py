"""The Works of a bundle, from what its delivery was told."""

import base64
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core.effect import Context
from atoll.core.errors import ArgsError
from atoll.federation import bundle_effects, works
from atoll.federation.bundle_effects import BundleDelivery
from atoll.federation.delivery import REVISION, named
from atoll.federation.work_effects import Precedence, Served
from atoll.federation.works import Bundle
from atoll.kubernetes import Kubeconfig, identities
from harness import bundles
from harness.answering import answering

NAMES = st.sampled_from(["one", "two", "three", "four"])
LISTS = st.lists(NAMES, unique=True)


def _bundle(*names, **more):
    resources = [bundles.config(name, "fleet", text=name) for name in names]
    return Bundle(bundles.inputs(resources, ["lagoon", "reef"], name="guard", access="", **more))


def _work(bundle, cluster="lagoon", leaving=()):
    return bundle.work(cluster, bundle.copies(cluster), leaving)


def test_a_work_has_the_marks_by_which_karmada_and_we_know_it():
    work = _work(_bundle("one"))

    (manifest,) = work["spec"]["workload"]["manifests"]
    assert work["apiVersion"] == "work.karmada.io/v1alpha1"
    assert work["metadata"] == {
        "name": "atoll-guard",
        "namespace": "karmada-es-lagoon",
        "labels": {"app.kubernetes.io/managed-by": "atoll", "atoll.dev/bundle": "guard"},
        "annotations": {REVISION: works.digest([manifest])},
        "finalizers": ["karmada.io/execution-controller"],
    }
    assert manifest["metadata"]["labels"] == {"atoll.dev/bundle": "guard", "karmada.io/managed": "true"}
    # By these Karmada would rewrite the whole Work for each object's status.
    assert not [key for key in manifest["metadata"]["annotations"] if key.startswith("work.karmada.io/n")]
    assert works.cluster_of(work) == "lagoon"


def test_only_a_bundle_that_overwrites_tells_karmada_so():
    key = "work.karmada.io/conflict-resolution"
    kept, taken = (_bundle("one", conflictResolution=word).copies("reef") for word in ("abort", "overwrite"))

    assert key not in kept[0]["metadata"]["annotations"]
    assert taken[0]["metadata"]["annotations"][key] == "overwrite"


def test_an_override_changes_the_copy_of_its_clusters_alone():
    patch = {"op": "replace", "path": "/data/text", "value": "other"}
    overrides = [{"object": 1.0, "clusters": ["reef"], "patches": [patch]}]
    bundle = _bundle("one", "two", overrides=overrides)

    assert [each["data"]["text"] for each in bundle.copies("lagoon")] == ["one", "two"]
    assert [each["data"]["text"] for each in bundle.copies("reef")] == ["one", "other"]


def test_a_patch_that_does_not_fit_is_told_by_a_check():
    patch = {"op": "replace", "path": "/spec/nothing/there", "value": 1}
    inputs = _bundle("one", overrides=[{"object": 0, "clusters": ["reef"], "patches": [patch]}]).inputs

    (failure,) = BundleDelivery().check(dict(inputs))
    assert failure.name == "overrides[0]"
    assert failure.reason.startswith("ConfigMap fleet/one: found patches that do not fit it (")
    with pytest.raises(ArgsError):
        Bundle(inputs).copies("reef")
    assert BundleDelivery().check({"manifests": [], "objects": []}) == []


def test_a_bundle_that_no_work_holds_is_told_before_anything_is_written():
    inputs = bundles.inputs(
        [bundles.config("one", "fleet", text="x" * 1_000_000)], ["reef"], name="guard", access=""
    )

    (failure,) = BundleDelivery().check(inputs)
    assert failure.name == "manifests"
    assert failure.reason.endswith("expected at most 1000000, which a Work holds. Make it several bundles")


@given(before=LISTS, after=LISTS, noted=LISTS)
def test_what_has_to_go_is_what_a_work_ever_listed_and_is_not_wanted(before, after, noted):
    note = [identities.reference(bundles.config(name, "fleet")) for name in noted]
    work, wanted = _work(_bundle(*before), leaving=note), _bundle(*after)

    left = works.leaving(work, wanted.copies("lagoon"))

    assert {each["metadata"]["name"] for each in left} == {*before, *noted} - {*after}
    assert len(left) == len({*before, *noted} - {*after})
    assert works.leaving(None, wanted.copies("lagoon")) == []
    # Who writes it notes what is to go, so that whoever comes next knows.
    assert works.leaving(_work(wanted, leaving=left), wanted.copies("lagoon")) == left


@given(before=LISTS, after=LISTS)
def test_a_work_is_written_where_it_is_another_one_and_not_else(before, after):
    live, wanted = _work(_bundle(*before)), _work(_bundle(*after))

    assert works.is_written(live, wanted) is (before == after)
    assert not works.is_written(None, wanted)
    assert not works.is_written(_work(_bundle(*after), leaving=[{"kind": "x"}]), wanted)


def test_another_version_of_a_kind_shows_the_same_object():
    old = {
        "apiVersion": "policy/v1beta1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "a", "namespace": "b"},
    }
    new = {**old, "apiVersion": "policy/v1"}
    bundle = _bundle()

    assert works.leaving(bundle.work("reef", [old]), [new]) == []


def test_karmadas_words_are_those_of_an_application_that_failed():
    def applied(status):
        return {
            "status": {
                "conditions": [{"type": "Dispatching", "status": "False"}, {"type": "Applied", **status}]
            }
        }

    assert works.refusal(None) is None
    assert works.refusal({}) is None
    assert works.refusal(applied({"status": "True", "message": "fine"})) is None
    assert works.refusal(applied({"status": "False", "message": "no"})) == "no"


@pytest.mark.parametrize(
    ("manager", "more", "touched"),
    [
        ("karmada-controller-manager", {}, False),
        ("kube-controller-manager", {"subresource": "status"}, False),
        ("kubectl-edit", {}, True),
    ],
)
def test_an_object_is_looked_at_closely_where_somebody_else_wrote_its_content(manager, more, touched):
    live = bundles.config("one", "fleet")
    live["metadata"]["managedFields"] = [
        {"manager": "karmada-controller-manager"},
        {"manager": manager, **more},
    ]

    assert works.was_touched(live) is touched
    assert not works.was_touched({**live, "kind": "Service"})


def test_putting_back_keeps_what_others_added_to_the_metadata():
    wanted = {"metadata": {"name": "a", "labels": {"x": "1"}}, "data": {"k": "v"}}
    live = {
        "metadata": {"name": "a", "labels": {"x": "2", "y": "3"}, "resourceVersion": "7"},
        "data": {"k": "w"},
    }

    assert works.put_back(wanted, live) == {
        "metadata": {"name": "a", "labels": {"x": "1", "y": "3"}, "annotations": {}, "resourceVersion": "7"},
        "data": {"k": "v"},
    }


def test_each_object_that_a_cluster_lacks_is_a_line_and_a_silent_cluster_is_one():
    many = {f"ConfigMap fleet/c{number:02}": "it is not there" for number in range(22)}
    found = {
        "reef": Served(1, {"ConfigMap fleet/one": "refused: no"}, ["ConfigMap fleet/two"]),
        "lagoon": Served(silence="cannot be asked: it is dead", lacking={"ConfigMap fleet/one": "x"}),
        "atoll": Served(lacking={"": "it has not joined"}),
        "motu": Served(2),
        "zenith": Served(lacking=many),
    }

    lines = list(bundle_effects.problems("guard", found))

    assert lines[:4] == [
        "bundle guard: cluster atoll: it has not joined",
        "bundle guard: cluster lagoon: cannot be asked: it is dead",
        "bundle guard: cluster reef: ConfigMap fleet/one: refused: no",
        "bundle guard: cluster reef: ConfigMap fleet/two: it left the bundle and is still there",
    ]
    assert len(lines) == 4 + 20 + 1
    assert lines[-1] == "bundle guard: cluster zenith: 2 more objects are not as declared"
    assert set(named("\n".join(lines))) == {"atoll", "lagoon", "reef", "zenith"}


@pytest.mark.parametrize(
    ("delivered", "leaving", "told"),
    [
        ({"lagoon": 2, "reef": 2}, {}, None),
        ({"lagoon": 2, "reef": 1}, {}, "not as declared: reef"),
        ({"lagoon": 2, "reef": 2}, {"gone": ["Work"]}, "not as declared: gone"),
        ({}, {}, "not as declared: lagoon, reef"),
    ],
)
def test_a_bundle_is_served_again_as_long_as_a_cluster_is_not_as_declared(delivered, leaving, told):
    inputs = dict(_bundle("one", "two").inputs)

    assert BundleDelivery().stale(inputs, {"delivered": delivered, "leaving": leaving}) == told


def test_another_way_in_changes_nothing_in_the_members():
    delivery = BundleDelivery()

    assert delivery.changes(frozenset({"access", "timeoutSeconds"})) == frozenset()
    assert delivery.changes(frozenset({"manifests"})) == delivery.changes(frozenset()) == delivery.outputs


def test_a_plane_that_has_just_begun_is_asked_again():
    asked = []

    def answer(path):
        if not path.partition("?")[0].endswith("/works"):
            return 200, {"resources": [{"name": "works", "kind": "Work", "namespaced": True}]}
        asked.append(path)
        return (429, {"message": "storage is (re)initializing"}) if len(asked) < 2 else (200, {})

    with answering(answer) as plane:
        access = Kubeconfig(plane).text()
        inputs = bundles.inputs([bundles.config("one", "fleet")], [], name="guard", access=access)

        done = BundleDelivery().create("guard", inputs, Context())

    assert (done.problems, done.outputs["delivered"], len(asked)) == ((), {}, 2)


def _token(endpoint, **more):
    """What a plane has of one member: the Cluster and its secret."""
    reference = {"namespace": "karmada-cluster", "name": "reef"}
    cluster = {
        "metadata": {"name": "reef"},
        "spec": {"apiEndpoint": endpoint, "secretRef": reference, **more},
    }
    return cluster, {"metadata": {"name": "reef"}, "data": {"token": base64.b64encode(b"t").decode()}}


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize(
    ("member", "proxied"),
    [("answers", 0), ("refuses", 1), ("is gone", 1), ("is behind a proxy", 1), ("has no token", 1)],
)
def test_a_member_is_asked_directly_and_through_the_plane_where_that_cannot_be(member, proxied, lists):
    bundle, asked = _bundle("one", "two"), {"plane": 0, "member": 0}
    copies = {"items": bundle.copies("reef")}

    def direct(_path):
        asked["member"] += 1
        return (403, {"message": "no"}) if member == "refuses" else (200, copies)

    def plane(path):
        path = path.partition("?")[0]
        if "/proxy/" in path:
            asked["plane"] += 1
            return 200, copies
        if path.endswith("/secrets"):
            return (200, {"items": [secret]}) if lists else (403, {"message": "no"})
        names = {"/clusters": {"items": [cluster]}, "/clusters/reef": cluster, "/secrets/reef": secret}
        found = next((told for end, told in names.items() if path.endswith(end)), None)
        types = [
            {"name": f"{kind.lower()}s", "kind": kind, "namespaced": True} for kind in ("ConfigMap", "Secret")
        ]
        return 200, found or {"resources": types}

    with answering(direct) as there, answering(plane) as here:
        endpoint = "http://127.0.0.1:9" if member == "is gone" else there
        more = {"proxyURL": "http://127.0.0.1:9"} if member == "is behind a proxy" else {}
        cluster, secret = _token(endpoint, **more)
        if member == "has no token":
            secret.pop("data")
        inputs = {**bundle.inputs, "access": Kubeconfig(here).text(), "clusters": ["reef"]}

        found = bundle_effects.look(inputs)

    assert found == {"reef": Served(2)}
    assert asked == {"plane": proxied, "member": int(member in {"answers", "refuses"})}


def test_nobody_is_asked_for_the_rest_before_all_have_what_is_new_or_for_long():
    told, precedence = [], Precedence(["reef", "lagoon", "motu"])

    def serve(member, first):
        time.sleep(first)
        precedence.yielded(member)
        told.append(member)

    threads = [threading.Thread(target=serve, args=each) for each in (("reef", 0), ("lagoon", 0.1))]
    begin = time.monotonic()
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    # The third one never has it.
    assert 0.5 <= time.monotonic() - begin < 5
    assert set(told) == {"reef", "lagoon"}
    precedence.yielded("motu")
