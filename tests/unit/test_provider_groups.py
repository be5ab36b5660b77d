import pytest

from atoll.core.errors import ArgsError
from atoll.provider.kubernetes import groups
from atoll.provider.kubernetes.groups import Member


def _member(kind, name, namespace="", version="v1", depends_on="", **fields):
    metadata = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if depends_on:
        metadata["annotations"] = {"config.kubernetes.io/depends-on": depends_on}
    return Member({"apiVersion": version, "kind": kind, "metadata": metadata, **fields})


def _names(text, **options):
    return [member.manifest["metadata"]["name"] for member in groups.parsed(text, "yaml", **options)]


def _waves(*members):
    return [
        {member.manifest["metadata"]["name"]: {key[3] for key in needed} for member, needed in wave}
        for wave in groups.waves(members)
    ]


def test_documents_and_lists_are_taken_apart_and_empty_ones_left_out():
    text = """
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
---
# nothing
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
  - {apiVersion: v1, kind: ConfigMapList, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}]}
"""
    assert _names(text) == ["a", "b", "c"]
    assert _names("") == []


def test_yaml_is_read_as_kubernetes_reads_it():
    text = """
apiVersion: v1
kind: X
metadata: {name: a}
spec: {day: 2020-01-01, answer: yes, off: off, really: true, number: 3, none: null}
"""
    (member,) = groups.parsed(text, "yaml")

    assert member.manifest["spec"] == {
        "day": "2020-01-01",
        "answer": "yes",
        "off": "off",
        "really": True,
        "number": 3,
        "none": None,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1", "all.yaml: found no YAML in line"),
        ("kind: ConfigMap", "all.yaml: found a document without apiVersion or kind"),
        ("[1]", "all.yaml: found a document without apiVersion or kind"),
        ("{apiVersion: v1, kind: ConfigMap}", "all.yaml: found a ConfigMap without metadata.name"),
    ],
)
def test_what_is_no_manifest_is_named_with_its_source(text, says):
    with pytest.raises(ArgsError) as raised:
        list(groups.parsed(text, "all.yaml"))

    assert str(raised.value).startswith(says)


def test_of_a_secret_text_everything_but_names_is_secret():
    (member,) = groups.parsed(
        "{apiVersion: v1, kind: X, metadata: {name: a}, data: {k: v}, rules: []}", "yaml", secret=True
    )

    assert member.secrets == {("data",), ("rules",)}


def test_secret_paths_are_those_of_the_part():
    secrets = {("objs", 0, "data", "k"), ("objs", 1)}

    assert groups.within(secrets, ("objs", 0)) == {("data", "k")}
    assert groups.within(secrets, ("objs", 1)) == {()}
    assert groups.within({("objs",)}, ("objs", 5)) == {()}
    assert groups.within(secrets, ("objs", 2)) == frozenset()


def test_names_and_types_are_those_of_the_official_plugin():
    member = _member("Deployment", "web", "n", "apps/v1")

    assert groups.token(member.manifest) == "kubernetes:apps/v1:Deployment"
    assert groups.token(_member("Secret", "s").manifest) == "kubernetes:core/v1:Secret"
    assert groups.name("g", member.manifest) == "g:n/web"
    assert groups.name("", _member("Namespace", "n").manifest) == "n"


def test_a_member_gets_the_namespace_that_it_does_not_name():
    assert groups.placed(_member("X", "a"), "n", skip_await=False).key == ("", "X", "n", "a")
    assert groups.placed(_member("X", "a", "m"), "n", skip_await=False).key == ("", "X", "m", "a")
    marked = groups.placed(_member("X", "a"), "", skip_await=True).manifest["metadata"]
    assert marked == {"name": "a", "annotations": {"pulumi.com/skipAwait": "true"}}


def test_definitions_and_namespaces_come_before_what_needs_them():
    crd = _member(
        "CustomResourceDefinition",
        "reefs",
        version="apiextensions.k8s.io/v1",
        spec={"group": "e.test", "names": {"kind": "Reef"}},
    )
    reef = _member("Reef", "reef", "n", "e.test/v1")

    assert _waves(reef, _member("ConfigMap", "c", "other"), _member("Namespace", "n"), crd) == [
        {"c": set(), "n": set(), "reefs": set()},
        {"reef": {"n", "reefs"}},
    ]


def test_a_written_dependency_is_kept():
    first = _member("Deployment", "first", "n", "apps/v1")
    then = _member("ConfigMap", "then", "n", depends_on="apps/namespaces/n/Deployment/first")
    last = _member("ClusterRole", "last", "", "r/v1", depends_on="/namespaces/n/ConfigMap/then")

    assert _waves(last, then, first) == [{"first": set()}, {"then": {"first"}}, {"last": {"then"}}]


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("nonsense", "found 'nonsense'"),
        ("apps/namespaces/n/Deployment/other", "expected an object of the same group"),
    ],
)
def test_a_dependency_that_leads_nowhere_is_refused(reference, says):
    with pytest.raises(ArgsError, match=says):
        _waves(_member("X", "a", depends_on=reference))


def test_members_that_wait_for_each_other_are_named():
    one = _member("X", "one", "n", depends_on="/namespaces/n/X/two")
    two = _member("X", "two", "n", depends_on="/namespaces/n/X/one")

    with pytest.raises(ArgsError, match=r"wait for each other: X n/one, X n/two"):
        _waves(one, two)
