"""Exact sets of what a run with `--limit`, `--tags` or `--skip-tags` touches, of whole environments."""

import functools

import pytest

from atoll.automation.selection import Asked, Platform
from atoll.core.errors import ArgsError, RefusedError
from atoll.platform import load
from atoll.testing import plain
from harness import environments

_LAGOON = {"Cluster lagoon", "Member lagoon"}
_REEF = {"Cluster reef", "Member reef"}
_MOTU = {"Cluster motu", "Member motu"}
_JOINED = {"Member lagoon", "Member reef", "Member motu"}
_PLANE = {"ControlPlane control-plane"}
_MEMBERS = _LAGOON | _REEF | _MOTU
_EVERYWHERE = {"Propagation guestbook", "Propagation operators"}
_SESSION = {"SealedSecret session", "Propagation session-sealed"}
_VISITS = {"RenderedChart visits-chart", "Propagation visits-release"}
_REGISTRY = {"Registry depot", "Repository depot-charts/service"}
_SERVICE, _KEY = {"ChartPublication service"}, {"Key guestbook"}
_ALL = _PLANE | _MEMBERS | _EVERYWHERE | _SESSION | _VISITS | _REGISTRY | _SERVICE | _KEY


def _tagged(values):
    values["tags"] = {
        "shop": ["propagations.guestbook", "releases.visits", "keys.guestbook"],
        "edge": ["groups.south", "controlPlane"],
        "always": ["registries.depot"],
    }


def _resources(record):
    """What a record holds, as a state has it."""
    return [
        {
            "urn": each.urn,
            "type": each.type,
            "parent": each.request.parent,
            "provider": each.request.provider,
            "dependencies": list(each.request.dependencies),
            "inputs": plain(each.inputs),
        }
        for each in record.resources.values()
    ]


def _registered(record):
    return {each.urn: each.request.parent for each in record.resources.values()}


def _urns(record, tops):
    """The resources of some components of a record, which knows itself whose each is."""
    return {each.urn for each in record.resources.values() if _part(each) in tops}


def _part(each):
    """Class and name; a release of helm's stands under its cluster."""
    if "$atoll:index:Release" in each.urn:
        return f"Release {'-'.join(each.urn.rpartition('::')[2].split('-')[:2])}"
    return " ".join(each.component)


@functools.cache
def _dev():
    return load(environments.STACKS, "dev"), environments.recorded("dev")


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """The inventory and the record of dev after a change, each made once."""

    @functools.cache
    def build(change):
        stacks = environments.edited(tmp_path_factory.mktemp("changed"), "dev", change)
        return load(stacks, "dev"), environments.built(stacks, "dev")

    return build


def _asked(words):
    """What options say: {option: patterns}."""
    return Asked(*(tuple(words.get(key, ())) for key in ("limit", "tags", "skip")))


@pytest.mark.parametrize(
    ("why", "words", "tops"),
    [
        ("a cluster is itself and its membership", {"limit": ["lagoon"]}, _LAGOON),
        ("two clusters, and what goes to no other", {"limit": ["lagoon", "reef"]}, _LAGOON | _REEF | _VISITS),
        ("a group is its clusters", {"limit": ["north"]}, _LAGOON | _REEF | _VISITS),
        ("a group with one cluster", {"limit": ["south"]}, _MOTU),
        ("some clusters of a group", {"limit": ["north,!reef"]}, _LAGOON),
        ("what is in both groups", {"limit": ["coast,&south"]}, _MOTU),
        ("all but one", {"limit": ["!motu"]}, _LAGOON | _REEF | _VISITS | _PLANE),
        ("all clusters", {"limit": ["coast"]}, _MEMBERS | _EVERYWHERE | _SESSION | _VISITS),
        ("the plane by itself", {"limit": ["control-plane"]}, _PLANE),
        ("everything", {"limit": ["all"]}, _ALL),
        ("everything by a glob", {"limit": ["*"]}, _ALL),
        ("a kind", {"tags": ["clusters"]}, _MEMBERS),
        ("membership belongs to the federation too", {"tags": ["federation"]}, _JOINED | _PLANE),
        ("propagations as they are declared", {"tags": ["propagations"]}, _EVERYWHERE),
        ("a release with what carries it", {"tags": ["releases"]}, _VISITS),
        ("a secret with what carries it", {"tags": ["secrets"]}, _SESSION),
        ("keys", {"tags": ["keys"]}, _KEY),
        ("several kinds", {"tags": ["keys,publications", "registries"]}, _KEY | _SERVICE | _REGISTRY),
        ("all", {"tags": ["all"]}, _ALL),
        ("what has no tag of its own", {"tags": ["untagged"]}, _ALL),
        ("all but a kind", {"skip": ["clusters,federation"]}, _ALL - _MEMBERS - _PLANE),
        ("both options", {"limit": ["north"], "tags": ["clusters"]}, _LAGOON | _REEF),
        ("a tag taken back", {"tags": ["releases", "keys"], "skip": ["keys"]}, _VISITS),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_a_run_touches(why, words, tops):
    assert why
    inventory, record = _dev()
    platform = Platform(inventory, _resources(record), _registered(record))

    selection = platform.select(_asked(words))

    assert set(selection.urns) == _urns(record, tops)
    assert len(selection.urns) == len(set(selection.urns))
    assert selection.left.resources == len(_urns(record, _ALL - tops))
    # Nothing that is there already is needed to tell: of what was never made the program tells the same.
    new = Platform(inventory, [], _registered(record))
    if tops & _PLANE or not any(each.startswith(("Member", "Propagation")) for each in tops):
        assert set(new.select(_asked(words)).urns) == set(selection.urns)
    else:
        with pytest.raises(RefusedError, match="found no control plane yet"):
            new.select(_asked(words))


@pytest.mark.parametrize(
    ("words", "tops"),
    [
        (
            {"tags": ["shop"]},
            {"Propagation guestbook"} | _VISITS | _KEY | _REGISTRY,
        ),
        ({"tags": ["edge"]}, _MOTU | _PLANE | _REGISTRY),
        ({"tags": ["shop"], "skip": ["always"]}, {"Propagation guestbook"} | _VISITS | _KEY),
        ({"tags": ["tagged"], "skip": ["shop"]}, _MOTU | _PLANE | _REGISTRY),
        (
            {"tags": ["untagged"], "skip": ["always", "clusters"]},
            {"Propagation operators"} | _SESSION | _SERVICE,
        ),
        ({"skip": ["tagged"], "limit": ["north"]}, _LAGOON | _REEF),
        ({"tags": ["edge"], "limit": ["coast"]}, _MOTU),
    ],
    ids=lambda value: (
        "+".join(f"{k}={','.join(v)}" for k, v in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_tags_of_the_inventory(changed, words, tops):
    inventory, record = changed(_tagged)

    selection = Platform(inventory, _resources(record), _registered(record)).select(_asked(words))

    assert set(selection.urns) == _urns(record, tops)


def _without_reef(values):
    del values["clusters"]["reef"]


def _with_atoll(values):
    values["clusters"]["atoll"] = {"driver": "local", "groups": ["north", "coast"]}


def _without_visits(values):
    del values["releases"]["visits"]
    del values["publications"]["service"]


def _with_ingress(values):
    values["releases"]["ingress"] = {
        "chart": {"repository": "https://charts.example.com", "chart": "ingress", "version": "1.2.3"},
        "namespace": "guestbook",
        "groups": ["north"],
        "hooks": True,
    }


def _with_proxy(values):
    values["containers"] = {"proxy": {"image": f"registry.example/proxy@sha256:{'0' * 64}"}}


def _with_bundle(values):
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "auditor"},
    }
    values["bundles"] = {"guard": {"groups": ["north"], "resources": [role]}}


def _narrowed(values):
    values["releases"]["visits"] |= {"groups": [], "clusters": ["lagoon"]}


@pytest.mark.parametrize(
    ("why", "change", "words", "tops"),
    [
        ("a cluster that left goes by its name", _without_reef, {"limit": ["reef"]}, _REEF),
        ("a cluster that left is in no group any more", _without_reef, {"limit": ["south"]}, _MOTU),
        ("what still goes to one that left is left out", _without_reef, {"limit": ["lagoon"]}, _LAGOON),
        (
            "with the one that left it is whole",
            _without_reef,
            {"limit": ["lagoon,reef"]},
            _LAGOON | _REEF | _VISITS,
        ),
        ("a cluster that is new", _with_atoll, {"limit": ["atoll"]}, {"Cluster atoll", "Member atoll"}),
        (
            "what is to go to one that is new is left out with it",
            _with_atoll,
            {"limit": ["lagoon,reef"]},
            _LAGOON | _REEF,
        ),
        (
            "what is not declared any more goes with its kind",
            _without_visits,
            {"tags": ["releases"]},
            _VISITS,
        ),
        (
            "what is not declared any more goes with its clusters",
            _without_visits,
            {"limit": ["north"]},
            _LAGOON | _REEF | _VISITS,
        ),
        (
            "a release that helm makes belongs to its cluster",
            _with_ingress,
            {"limit": ["lagoon"]},
            _LAGOON | {"Release ingress-lagoon"},
        ),
        (
            "a release that helm makes is no cluster",
            _with_ingress,
            {"tags": ["releases"]},
            _VISITS | {"Release ingress-lagoon", "Release ingress-reef"},
        ),
        ("a container", _with_proxy, {"tags": ["containers"]}, {"Container proxy"}),
        ("a bundle", _with_bundle, {"tags": ["bundles"]}, {"Bundle guard"}),
        (
            "a bundle is in a limit with all of its clusters",
            _with_bundle,
            {"limit": ["north"]},
            _LAGOON | _REEF | _VISITS | {"Bundle guard"},
        ),
        ("a bundle of several clusters is left out with any", _with_bundle, {"limit": ["lagoon"]}, _LAGOON),
        ("what is withdrawn from a cluster touches that one", _narrowed, {"limit": ["lagoon"]}, _LAGOON),
        (
            "what is withdrawn inside of the limit is in it",
            _narrowed,
            {"limit": ["north"]},
            _LAGOON | _REEF | _VISITS,
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_came_and_went(changed, why, change, words, tops):
    assert why
    before = _dev()[1]
    inventory, after = changed(change)

    selection = Platform(inventory, _resources(before), _registered(after)).select(_asked(words))

    assert set(selection.urns) == _urns(before, tops) | _urns(after, tops)


def test_a_release_of_helm_that_left_goes_with_its_cluster(changed):
    before, inventory = changed(_with_ingress)[1], _dev()[0]

    selection = Platform(inventory, _resources(before), _registered(_dev()[1])).select(
        _asked({"limit": ["lagoon"]})
    )

    assert set(selection.urns) == _urns(before, _LAGOON | {"Release ingress-lagoon"})


def test_what_something_else_needs_is_not_taken_away(changed):
    inventory, after = changed(_without_reef)
    platform = Platform(inventory, _resources(_dev()[1]), _registered(after))

    with pytest.raises(RefusedError, match=r"--tags clusters --skip-tags federation: found that .* reef"):
        platform.select(_asked({"tags": ["clusters"], "skip": ["federation"]}))


@pytest.mark.parametrize(
    ("words", "tops"),
    [
        ({"limit": ["lagoon"]}, _LAGOON),
        ({"tags": ["releases,propagations,secrets"]}, _VISITS | _EVERYWHERE | _SESSION),
        ({"limit": ["coast"]}, _MEMBERS | _EVERYWHERE | _SESSION | _VISITS),
    ],
    ids=["a-cluster", "kinds", "all-clusters"],
)
def test_what_goes_where_a_part_is_destroyed(words, tops):
    inventory, record = _dev()

    selection = Platform(inventory, _resources(record), {}).select(_asked(words))

    assert set(selection.urns) == _urns(record, tops)


def test_what_something_else_needs_is_not_destroyed():
    inventory, record = _dev()

    with pytest.raises(RefusedError, match=r"--tags registries: found that .* goes, which .* needs"):
        Platform(inventory, _resources(record), {}).select(_asked({"tags": ["registries"]}))


def test_what_moves_between_two_is_touched_where_both_are_in(changed):
    def move(values):
        base = load(environments.STACKS, "dev").propagations["guestbook"]
        values["propagations"]["lighthouse"] = {"groups": ["north"], "resources": [base.resources[0]]}
        other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "guestbook"}}
        values["propagations"]["guestbook"] = {"groups": ["south"], "resources": [other]}
        values["sealedSecrets"], values["releases"] = {}, {}

    inventory, after = changed(move)
    platform = Platform(inventory, _resources(_dev()[1]), _registered(after))

    chosen = platform.select(_asked({"limit": ["north"]})).urns

    # It went to all clusters before, so that whoever takes it from there touches all of them.
    assert not [urn for urn in chosen if "namespace.guestbook" in urn]
    assert "Propagation::lighthouse" in " ".join(chosen)
    assert [urn for urn in platform.select(_asked({"limit": ["coast"]})).urns if "namespace.guestbook" in urn]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"limit": ["lagon"]}, r"--limit: found 'lagon'; expected .*Did you mean 'lagoon'\?"),
        ({"tags": ["key"]}, r"--tags: found 'key'; expected tag .*Did you mean 'keys'\?"),
        ({"limit": ["motu"], "tags": ["keys"]}, "--limit motu --tags keys: found nothing that it means"),
        ({"tags": ["images"]}, "--tags images: found nothing that it means; expected some part"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_chooses_nothing_is_refused(words, text):
    inventory, record = _dev()
    with pytest.raises(ArgsError, match=text):
        Platform(inventory, _resources(record), _registered(record)).select(_asked(words))


def test_what_was_left_out_is_told():
    inventory, record = _dev()

    left = Platform(inventory, _resources(record)).select(_asked({"limit": ["north"]})).left

    first, clusters, parts = left.lines()
    assert first.startswith("Left out by --limit north: ")
    assert clusters == "  clusters not looked at: control-plane and motu"
    assert "Propagation guestbook" in parts
    assert "Key guestbook" in parts
    assert "lagoon" not in parts
    assert left.resources + left.looked_at == len(record.resources)
