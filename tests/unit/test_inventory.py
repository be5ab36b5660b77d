import copy
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.core.errors import Exit, SettingsError, UnavailableError
from atoll.platform import environments, load, preflight, reading
from atoll.platform.inventory import Cluster, ControlPlane, Kms, Kubeconfig
from atoll.platform.resolution import resolve
from harness import environments as stacks

_KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: reef
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: x}}]
contexts: [{name: reef, context: {cluster: c, user: u}}]
"""


@pytest.fixture
def write(tmp_path):
    """Writes stacks and returns their folder."""

    def write(**files):
        folder = tmp_path / "stacks"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.yaml").write_text(text)
        return folder

    return write


def test_the_smallest_inventory(write):
    found = load(write(dev="controlPlane: {driver: local}\n"), "dev")

    assert (found.environment, found.control_plane) == ("dev", ControlPlane("local"))
    assert (dict(found.clusters), dict(found.propagations), dict(found.groups)) == ({}, {}, {"all": ()})


def test_keys_are_kept_here_unless_the_inventory_names_a_kms(write):
    elsewhere = "kms: {driver: aws, key: alias/mine, region: eu-central-1}\n"

    here = load(write(dev="controlPlane: {driver: local}\n"), "dev")
    there = load(write(dev="controlPlane: {driver: local}\n" + elsewhere), "dev")

    assert here.kms == Kms("local")
    assert there.kms == Kms("aws", "alias/mine", "eu-central-1", None)


def test_a_cluster_has_what_environment_groups_and_itself_say(write):
    text = """
controlPlane: {driver: local}
vars: {image: pause, size: {cpu: 1, memory: 1}, flags: [a]}
groups:
  sea: {children: [north], driver: local, provider: metal, labels: {a: sea, b: sea}, vars: {size: {cpu: 2}}}
  north: {region: north, labels: {b: north}, vars: {flags: [b]}}
clusters:
  lagoon: {groups: [north], zone: z, labels: {c: own}, vars: {size: {memory: 3}, tag: "$${x}"}}
"""
    found = load(write(dev=text), "dev").clusters["lagoon"]

    assert found == Cluster(
        driver="local",
        nodes=1,
        region="north",
        zone="z",
        provider="metal",
        labels={"a": "sea", "b": "north", "c": "own"},
        groups=("sea", "north"),
        variables={"image": "pause", "size": {"cpu": 2, "memory": 3}, "flags": ["b"], "tag": "${x}"},
    )


def test_the_base_lies_under_the_environment(write):
    base = "vars: {a: base, b: base}\nclusters:\n  lagoon: {driver: local, nodes: 3, groups: []}\n"
    dev = "controlPlane: {driver: local}\nvars: {b: dev}\nclusters:\n  lagoon: {nodes: 2}\n  reef: {driver: local}\n"
    found = load(write(base=base, dev=dev), "dev")

    assert {name: each.nodes for name, each in found.clusters.items()} == {"lagoon": 2, "reef": 1}
    assert found.clusters["reef"].variables == {"a": "base", "b": "dev"}


def test_nothing_takes_back_what_was_said_before(write):
    base = "groups:\n  north: {region: north}\n"
    dev = """
controlPlane: {driver: local}
clusters:
  lagoon: {driver: local, groups: [north], region:}
"""
    assert load(write(base=base, dev=dev), "dev").clusters["lagoon"].region is None


def test_a_cluster_that_exists_has_no_nodes_though_its_group_gives_some(write):
    text = """
controlPlane: {driver: local}
groups:
  north: {nodes: 3, clusters: [lagoon, reef]}
clusters:
  lagoon: {driver: local}
  reef: {driver: kubeconfig, kubeconfig: {file: reef.yaml, context: reef}}
"""
    found = load(write(dev=text), "dev").clusters

    assert (found["lagoon"].nodes, found["reef"].nodes) == (3, None)
    declared = "stacks/dev.yaml:7: clusters.reef.kubeconfig"
    assert found["reef"].kubeconfig == Kubeconfig("reef.yaml", "reef", declared)


_VARIABLES = """
controlPlane: {driver: local}
vars: {replicas: 1, who: nobody}
groups:
  north: {vars: {replicas: 2}}
clusters:
  motu: {driver: local, vars: {zone: m}}
  lagoon: {driver: local, groups: [north], vars: {zone: l}}
  reef: {driver: local, groups: [north], vars: {zone: l, who: reef}}
propagations:
  web:
    groups: [all]
    timeout: 1m30s
    resources:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: web, namespace: "${who}"}
        data: {replicas: "${replicas}", zone: "zone ${zone}"}
    overrides:
      - clusters: [lagoon, motu]
        resource: {kind: ConfigMap, name: web}
        patches: [{op: add, path: /data/extra, value: "in ${zone}"}]
"""


def test_what_variables_make_different_is_patched_and_equal_clusters_share_a_rule(write):
    text = _VARIABLES.replace('"${who}"', "web")
    found = load(write(dev=text), "dev").propagations["web"]

    (template,) = found.resources
    # `replicas` is the environment's; `zone` is set nowhere but in clusters, of which motu is written first.
    assert template["data"] == {"replicas": 1, "zone": "zone m"}
    assert (found.clusters, found.timeout) == (("lagoon", "motu", "reef"), timedelta(seconds=90))
    assert [(rule.clusters, [patch["value"] for patch in rule.patches]) for rule in found.overrides] == [
        (("lagoon", "reef"), [2, "zone l"]),
        (("lagoon",), ["in l"]),
        (("motu",), ["in m"]),
    ]
    assert all(rule.resource is template for rule in found.overrides)


def test_a_name_is_the_same_everywhere(write):
    with pytest.raises(
        SettingsError, match="found 'reef' in reef and 'nobody' elsewhere; expected one for all"
    ):
        load(write(dev=_VARIABLES), "dev")


def test_a_copy_of_an_environment_reads_the_file_of_the_first(write):
    folder = write(test="controlPlane: {driver: local}\n", base="vars: {a: 1}\n")

    assert load(folder, "test-12").environment == "test-12"
    write(**{"test-2": "controlPlane: {driver: local}\nclusters: {own: {driver: local}}\n"})
    assert list(load(folder, "test-2").clusters) == ["own"]
    assert list(load(folder, "test-1").clusters) == []


@pytest.mark.parametrize("name", ["prod-1", "test-", "test-a", "base", "../dev", "Dev", "", "Pulumi.dev"])
def test_an_environment_that_is_not_there_is_refused(write, name):
    folder = write(test="controlPlane: {driver: local}\n", base="{}\n", **{"Pulumi.dev": "{}\n"})

    with pytest.raises(SettingsError, match=r"^environment: found ") as raised:
        load(folder, name)

    assert raised.value.exit_code is Exit.SETTINGS


def test_environments_are_the_files_that_are_neither_base_nor_the_engines(write):
    folder = write(dev="", base="", prod="", **{"Pulumi.dev": "", "Pulumi.prod": ""})

    assert environments(folder) == ["dev", "prod"]


def test_preflight_looks_for_files_from_the_checkout_on(write, tmp_path):
    text = """
controlPlane: {driver: kubeconfig, kubeconfig: {file: keys/plane.kubeconfig}}
clusters:
  reef: {driver: kubeconfig, kubeconfig: {file: keys/reef.kubeconfig, context: reef}}
"""
    found = load(write(dev=text), "dev")

    with pytest.raises(UnavailableError) as raised:
        preflight(found)
    assert len(str(raised.value).splitlines()) == 2
    assert raised.value.exit_code is Exit.UNAVAILABLE

    (tmp_path / "keys").mkdir()
    for name in ("plane", "reef"):
        (tmp_path / "keys" / f"{name}.kubeconfig").write_text(_KUBECONFIG)
    preflight(found)


def test_preflight_asks_nothing_of_an_environment_that_is_all_local():
    for name in ("dev", "test"):
        preflight(load(stacks.STACKS, name))


def test_preflight_names_every_kubeconfig_of_prod_that_is_not_there():
    found = load(stacks.STACKS, "prod")

    with pytest.raises(UnavailableError) as caught:
        preflight(replace(found, project=Path("/nonexistent")))

    places = ["controlPlane", "clusters.atlantic", "clusters.pacific"]
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1].removesuffix(".kubeconfig.file") for line in lines] == places


_WHOLE = {
    "controlPlane": {"driver": "kubeconfig", "kubeconfig": {"file": "plane", "context": "c"}},
    "vars": {"replicas": 1, "at": {"zone": "a"}},
    "groups": {"north": {"region": "n", "priority": 2, "children": ["far"], "vars": {"x": 1}}, "far": {}},
    "clusters": {
        "lagoon": {"driver": "local", "nodes": 2, "groups": ["far"], "labels": {"a/b": "c"}},
        "reef": {"driver": "kubeconfig", "kubeconfig": {"file": "reef"}, "vars": {"replicas": 2, "x": 3}},
    },
    "propagations": {
        "web": {
            "groups": ["all"],
            "clusters": ["reef"],
            "timeout": "5s",
            "resources": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "web", "namespace": "web", "labels": {"x": "${at.zone}"}},
                    "data": {"replicas": "${replicas}", "text": "${x} $${x}"},
                }
            ],
            "overrides": [
                {
                    "groups": ["far"],
                    "resource": {"kind": "ConfigMap", "name": "web"},
                    "patches": [{"op": "add", "path": "/data/a", "value": "${at.zone}"}],
                }
            ],
        }
    },
}
_KEYS = st.sampled_from(
    ["all", "driver", "kubeconfig", "web", "lagoon", "${x}", "", "vars", "1", "name", "a b"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | _KEYS,
    lambda child: st.lists(child, max_size=2) | st.dictionaries(_KEYS, child, max_size=2),
    max_leaves=5,
)


@st.composite
def _broken(draw):
    """An inventory with some values replaced, taken out or put in."""
    whole = copy.deepcopy(_WHOLE)
    for _ in range(draw(st.integers(0, 4))):
        place = whole
        for _ in range(draw(st.integers(0, 6))):
            below = [child for child in _children(place) if isinstance(child, (dict, list)) and child]
            place = draw(st.sampled_from(below)) if below else place
        if isinstance(place, list):
            place[draw(st.integers(0, len(place) - 1))] = draw(_VALUES)
        elif draw(st.booleans()) and place:
            place.pop(draw(st.sampled_from(sorted(place))))
        else:
            place[draw(st.sampled_from(sorted(place)) | _KEYS)] = draw(_VALUES)
    return whole


def _children(place):
    return place.values() if isinstance(place, dict) else place


@given(_broken())
@settings(max_examples=150)
def test_whatever_is_written_it_is_an_inventory_or_told_what_is_wrong(values):
    text = yaml.safe_dump(values)
    root, found = reading.read(text, "stacks/dev.yaml", 0)
    if root is None:
        assert found
        return
    lines = []
    try:
        resolve(root, found, "dev", Path())
    except SettingsError as error:
        lines = [*error.problems]
    for line in lines:
        assert re.fullmatch(r"stacks/dev.yaml:\d+: .*found .*; expected .+", line)


def test_the_whole_one_is_right():
    root, found = reading.read(yaml.safe_dump(_WHOLE), "stacks/dev.yaml", 0)
    assert root is not None

    assert resolve(root, found, "dev", Path()).propagations["web"].clusters == ("lagoon", "reef")
