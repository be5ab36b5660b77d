import copy
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from atoll.federation import Concealed, concealed, delivery, joining, placement
from atoll.federation.delivery import REVISION, Wanted
from atoll.federation.delivery_effects import PropagationStatus
from atoll.federation.joining_effects import TOKEN_LIFE, MemberAccess

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
ANY_NAMES = st.one_of(NAMES, st.from_regex(r"[A-Za-z0-9:._-]{1,200}", fullmatch=True))
LABELS = st.dictionaries(NAMES, NAMES, max_size=3)
KINDS = st.sampled_from(["Namespace", "Deployment", "ConfigMap", "ResourceQuota", "Service"])


@st.composite
def manifests(draw):
    metadata = {"name": draw(NAMES)}
    if draw(st.booleans()):
        metadata |= {"labels": draw(LABELS), "annotations": draw(LABELS)}
    return {"apiVersion": "v1", "kind": draw(KINDS), "metadata": metadata, "spec": draw(LABELS)}


def _manifest(kind, name, namespace=None, api_version="v1"):
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


@given(manifests())
def test_a_template_adds_and_changes_nothing_that_was_declared(manifest):
    before = copy.deepcopy(manifest)
    found = placement.template(manifest)

    assert manifest == before
    assert found["spec"] == manifest["spec"]
    for part in ("labels", "annotations"):
        assert (manifest["metadata"].get(part) or {}).items() <= found["metadata"][part].items()
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "atoll"


@given(manifests())
def test_namespaces_alone_are_kept_from_karmadas_own_propagation(manifest):
    labels = placement.template(manifest)["metadata"]["labels"]
    skipped = labels.get("namespace.karmada.io/skip-auto-propagation") == "true"
    assert skipped == (manifest["kind"] == "Namespace")


@given(manifests())
def test_what_nothing_on_the_plane_makes_ready_is_not_awaited_there(manifest):
    annotations = placement.template(manifest)["metadata"]["annotations"]
    awaited = annotations.get("pulumi.com/skipAwait") != "true"
    assert awaited == (manifest["kind"] in {"Namespace", "ConfigMap"})


@pytest.mark.parametrize(
    ("api_version", "kind", "namespace", "found"),
    [
        ("apps/v1", "Deployment", None, "default"),
        ("apps/v1", "Deployment", "crab", "crab"),
        ("v1", "Namespace", None, None),
        ("networking.k8s.io/v1", "NetworkPolicy", None, "default"),
        # Nobody can tell of what is defined elsewhere, and a kind of that name may live anywhere.
        ("example.com/v1", "Deployment", None, None),
    ],
)
def test_a_template_says_its_namespace_where_it_certainly_has_one(api_version, kind, namespace, found):
    metadata = {"name": "crab"} | ({"namespace": namespace} if namespace else {})
    written = placement.template({"apiVersion": api_version, "kind": kind, "metadata": metadata})

    assert written["metadata"].get("namespace") == found


@given(st.lists(st.tuples(KINDS, NAMES, ANY_NAMES), min_size=2, max_size=2, unique=True))
def test_two_objects_never_get_one_role(pair):
    assume(len({(kind, namespace, name) for kind, namespace, name in pair}) == 2)
    one, two = (placement.role(_manifest(kind, name, namespace)) for kind, namespace, name in pair)
    assert one != two


@given(ANY_NAMES, NAMES)
def test_a_role_can_stand_in_a_kubernetes_name(name, namespace):
    role = placement.role(_manifest("ClusterRole", name, namespace))
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", role)
    assert len(role) < 200


def test_a_role_tells_people_what_it_is():
    assert placement.role(_manifest("Deployment", "frontend", "guestbook")) == "deployment.guestbook.frontend"


def test_a_policy_goes_to_exactly_these_clusters_with_all_replicas():
    resources = [_manifest("Namespace", "guestbook"), _manifest("Deployment", "web", "guestbook", "apps/v1")]

    assert placement.propagation_policy("guestbook", resources, ["reef", "lagoon"]) == {
        "apiVersion": "policy.karmada.io/v1alpha1",
        "kind": "ClusterPropagationPolicy",
        "metadata": {"name": "guestbook", "labels": {"app.kubernetes.io/managed-by": "atoll"}},
        "spec": {
            "resourceSelectors": [
                {"apiVersion": "v1", "kind": "Namespace", "name": "guestbook"},
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "guestbook"},
            ],
            "placement": {
                "clusterAffinity": {"clusterNames": ["lagoon", "reef"]},
                "clusterTolerations": [
                    {"key": "atoll.dev/failed", "operator": "Exists", "effect": "NoExecute"}
                ],
                "replicaScheduling": {"replicaSchedulingType": "Duplicated"},
            },
        },
    }


def test_an_override_is_for_one_object_in_some_clusters():
    patches: list[dict[str, Any]] = [
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "remove", "path": "/spec/paused"},
    ]
    found = placement.override_policy(
        "o", _manifest("Deployment", "web", "g"), [(["reef", "lagoon"], patches)]
    )

    assert found["kind"] == "ClusterOverridePolicy"
    assert found["spec"] == {
        "resourceSelectors": [{"apiVersion": "v1", "kind": "Deployment", "name": "web", "namespace": "g"}],
        "overrideRules": [
            {
                "targetCluster": {"clusterNames": ["lagoon", "reef"]},
                "overriders": {
                    "plaintext": [
                        {"path": "/spec/replicas", "operator": "replace", "value": 3},
                        {"path": "/spec/paused", "operator": "remove"},
                    ]
                },
            }
        ],
    }


CLUSTERS = st.lists(st.sampled_from("abcde"), max_size=5, unique=True)
PATCHES = st.lists(
    st.builds(lambda path: {"op": "remove", "path": f"/{path}"}, st.integers(0, 9)), max_size=3
)


@given(st.lists(st.tuples(CLUSTERS, PATCHES), max_size=5))
def test_of_disjoint_rules_each_cluster_has_one_with_all_its_patches_in_order(rules):
    found = placement.disjoint(rules)

    named = [cluster for clusters, _ in found for cluster in clusters]
    assert sorted(named) == sorted({cluster for clusters, _ in rules for cluster in clusters})
    for clusters, patches in found:
        for cluster in clusters:
            assert patches == [patch for theirs, each in rules if cluster in theirs for patch in each]


def _deployment(**status):
    live = _manifest("Deployment", "web", "g")
    live["metadata"] |= {"generation": 2, "annotations": {REVISION: "r1"}}
    whole = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
    return {**live, "spec": {"replicas": 3}, "status": whole | status}


WEB = Wanted("v1", "Deployment", "web", "r1", "g")


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        (None, "Deployment g/web is not there yet"),
        (_manifest("Deployment", "web", "g"), "Deployment g/web is an older one"),
        (_deployment(), None),
        (_deployment(observedGeneration=1), "Deployment g/web: its change was not taken up yet"),
        (_deployment(updatedReplicas=1), "Deployment g/web: 1 of 3 replicas available"),
        (_deployment(availableReplicas=0), "Deployment g/web: 0 of 3 replicas available"),
        (_deployment(replicas=4), "Deployment g/web: 3 of 3 replicas available"),
    ],
)
def test_a_copy_lags_until_it_is_the_written_one_and_runs(live, reason):
    assert delivery.lag(WEB, live) == reason


def test_a_kind_without_a_rollout_is_done_when_it_is_the_written_one():
    live = _manifest("ClusterRole", "operators")
    live["metadata"]["annotations"] = {REVISION: "r1"}
    wanted = Wanted("v1", "ClusterRole", "operators", "r1")

    assert delivery.lag(wanted, live) is None
    live["metadata"]["annotations"] = None
    assert delivery.lag(wanted, live) == "ClusterRole operators is an older one"


@given(*[st.integers(0, 5)] * 5)
def test_a_rollout_is_done_only_when_all_of_it_is(want, seen, replicas, updated, available):
    live = _deployment(
        observedGeneration=seen, replicas=replicas, updatedReplicas=updated, availableReplicas=available
    )
    live["spec"]["replicas"] = want
    done = seen >= 2 and updated >= want and available >= want and replicas <= want
    assert (delivery.rollout(live) is None) == done


def test_a_workload_that_nothing_has_looked_at_yet_is_not_done():
    live = _deployment()
    del live["status"]
    assert delivery.rollout(live) == "its change was not taken up yet"


def test_a_cluster_with_an_override_is_asked_for_its_own_revision():
    entry = {
        "apiVersion": "v1",
        "kind": "Deployment",
        "name": "web",
        "namespace": "g",
        "revision": "r1",
        "revisions": {"reef": "r2"},
    }
    assert Wanted.of(entry, "lagoon") == WEB
    assert Wanted.of(entry, "reef").revision == "r2"
    assert WEB.manifest == _manifest("Deployment", "web", "g")


@pytest.mark.parametrize(
    ("cluster", "reason"),
    [
        (None, "it has not joined"),
        ({}, "it has no status yet"),
        ({"status": {"conditions": None}}, "it has no status yet"),
        ({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, None),
        (
            {
                "status": {
                    "conditions": [
                        {"type": "Ready", "status": "False", "reason": "NotReachable", "message": "no answer"}
                    ]
                }
            },
            "not Ready (NotReachable: no answer)",
        ),
    ],
)
def test_a_member_says_why_it_cannot_be_served(cluster, reason):
    assert delivery.unready(cluster) == reason


def test_what_lags_is_named_by_cluster_with_its_first_reason():
    lagging = {"reef": ["Deployment g/web is an older one", "x", "y"], "lagoon": ["it has not joined"]}
    assert list(delivery.summary("guestbook", lagging, 61.7)) == [
        "propagation guestbook: cluster lagoon: it has not joined after 62 s",
        "propagation guestbook: cluster reef: Deployment g/web is an older one (and 2 more) after 62 s",
    ]


@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)), CLUSTERS, st.integers(0, 3))
def test_a_gate_asks_again_as_long_as_a_cluster_lacks_something(delivered, clusters, objects):
    inputs = {"clusters": clusters, "objects": [{}] * objects}
    behind = [name for name in clusters if delivered.get(name) != objects]
    assert PropagationStatus().stale(inputs, {"delivered": delivered}) == (
        f"not served: {', '.join(behind)}" if behind else None
    )


def test_only_other_objects_or_clusters_change_what_is_delivered():
    gate = PropagationStatus()
    assert gate.changes(frozenset({"timeoutSeconds", "access"})) == frozenset()
    assert gate.changes(frozenset({"objects"})) == gate.changes(frozenset()) == {"delivered"}


def test_a_member_is_given_its_accounts_before_their_rights():
    found = [(each["kind"], each["metadata"]["name"]) for each in joining.member_side("lagoon")]
    assert found == [
        ("Namespace", "karmada-cluster"),
        ("ServiceAccount", "karmada-impersonator"),
        ("ServiceAccount", "karmada-lagoon"),
        ("ClusterRole", "karmada-controller-manager:karmada-lagoon"),
        ("ClusterRoleBinding", "karmada-controller-manager:karmada-lagoon"),
    ]


@given(NAMES)
def test_a_members_rights_go_to_its_own_account(name):
    *_, role, binding = joining.member_side(name)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": joining.account(name), "namespace": "karmada-cluster"}
    ]
    assert joining.token_path(joining.account(name)).endswith(f"/serviceaccounts/karmada-{name}/token")


@given(st.floats(0.01, 365), st.floats(-1, 1))
def test_tokens_are_renewed_when_less_than_a_third_of_their_life_is_left(days, left):
    assume(abs(left - 1 / 3) > 0.001)
    life = timedelta(days=days)
    outputs = {"expires": (datetime.now(UTC) + life * left).isoformat(), "lifeSeconds": life.total_seconds()}
    assert (MemberAccess().stale({}, outputs) is not None) == (left < 1 / 3)


def test_tokens_that_were_never_made_are_made():
    assert MemberAccess().stale({}, {}) == "its tokens were never made"
    assert joining.token_request(int(TOKEN_LIFE.total_seconds()))["spec"] == {"expirationSeconds": 31536000}


def test_a_concealed_leaf_is_written_as_it_is_and_its_revision_is_that_of_what_stands_for_it():
    manifest = {"kind": "Secret", "data": Concealed({"a": "b"}, "r1"), "list": [Concealed("x", "r2"), "y"]}

    assert concealed.written(manifest) == {"kind": "Secret", "data": {"a": "b"}, "list": ["x", "y"]}
    assert concealed.shown(manifest) == {"kind": "Secret", "data": "r1", "list": ["r2", "y"]}
