"""What is in effect, value by value: each is what the resolved inventory has, and its line is the one that says so."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from atoll.automation import inventories, words
from atoll.core.errors import SettingsError
from atoll.platform import schema, tree
from atoll.platform.effective import of_cluster, settings
from atoll.platform.graph import graph
from atoll.platform.loading import load_with_tree
from atoll.platform.mermaid import mermaid

PROJECT = Path(__file__).parents[2]
BASE = """\
vars:
  image: one
  nested: {a: 1, b: 2}
"""
DEV = """\
controlPlane: {driver: local}
vars:
  nested:
    b: 3
groups:
  north:
    driver: local
    region: n
    nodes: 2
    labels: {shore: open}
    vars:
      image: two
      nested: {c: ["$${x}"]}
    children: [far-north]
  far-north:
    region: null
    priority: 5
    clusters: [skua]
clusters:
  skua:
    nodes: 3
  tern:
    driver: kubeconfig
    kubeconfig: {file: k}
    groups: [north]
propagations:
  only:
    clusters: [skua]
    resources:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: c, namespace: default}
        data: {image: "${image}"}
  wide:
    groups: [all]
    timeout: 90s
    resources:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: w, namespace: default}
"""


@pytest.fixture
def loaded(tmp_path):
    folder = tmp_path / "stacks"
    folder.mkdir()
    (folder / "base.yaml").write_text(BASE)
    (folder / "dev.yaml").write_text(DEV)
    return load_with_tree(folder, "dev")


def _table(found):
    return {each.name: (each.value, str(each.mark) if each.mark else "", each.giver) for each in found}


def test_each_value_of_a_cluster_is_that_of_the_last_layer_that_says_it(loaded):
    found = _table(settings(*loaded))

    assert {name: each for name, each in found.items() if name.startswith("clusters.skua.")} == {
        "clusters.skua.groups": (["north", "far-north"], "stacks/dev.yaml:20", ""),
        "clusters.skua.driver": ("local", "stacks/dev.yaml:7", "group north"),
        "clusters.skua.nodes": (3, "stacks/dev.yaml:21", ""),
        "clusters.skua.labels.shore": ("open", "stacks/dev.yaml:10", "group north"),
        "clusters.skua.vars.image": ("two", "stacks/dev.yaml:12", "group north"),
        "clusters.skua.vars.nested.a": (1, "stacks/base.yaml:3", "environment"),
        "clusters.skua.vars.nested.b": (3, "stacks/dev.yaml:4", "environment"),
        "clusters.skua.vars.nested.c": (["${x}"], "stacks/dev.yaml:13", "group north"),
    }
    assert found["clusters.tern.region"] == ("n", "stacks/dev.yaml:8", "group north")
    assert found["clusters.tern.kubeconfig.file"] == ("k", "stacks/dev.yaml:24", "")


def test_what_is_declared_keeps_its_words_and_the_rest_its_defaults(loaded):
    found = _table(settings(*loaded))

    assert found["propagations.wide.timeout"][0] == "90s"
    assert found["propagations.only.timeout"] == ("60s", "", "")
    assert found["kms.driver"] == ("local", "", "")
    assert found["vars.nested.b"] == (3, "stacks/dev.yaml:4", "")
    assert found["groups.far-north.region"] == (None, "stacks/dev.yaml:16", "")
    assert "${image}" in json.dumps(found["propagations.only.resources[0]"][0])


def test_of_one_cluster_only_what_goes_to_it_is_told_with_its_variables(loaded):
    skua, tern = (_table(of_cluster(loaded[0], loaded[1], name)) for name in ("skua", "tern"))

    assert skua["propagations.only.resources[0]"][0]["data"] == {"image": "two"}
    assert "propagations.wide.resources[0]" in skua.keys() & tern.keys()
    assert not [name for name in tern if name.startswith(("propagations.only", "clusters.skua", "groups"))]
    assert "controlPlane.driver" in tern


@pytest.mark.parametrize("environment", ["dev", "test"])
def test_every_line_that_is_named_says_the_value(environment):
    root, inventory = load_with_tree(PROJECT / "stacks", environment)
    found = settings(root, inventory)
    lines = {
        name: (PROJECT / name).read_text().splitlines()
        for name in ("stacks/base.yaml", f"stacks/{environment}.yaml")
    }

    marked = [each for each in found if each.mark]
    assert len(marked) > 20
    for each in marked:
        assert each.mark
        line = lines[each.mark.file][each.mark.line - 1]
        key = each.path[-1]
        assert (
            line.lstrip().startswith("- ")
            if isinstance(key, int)
            else re.search(rf"\b{re.escape(key)}:", line) or key == "groups"
        )
    for name, cluster in inventory.clusters.items():
        told = {each.path[3:]: each.value for each in found if each.path[:3] == ("clusters", name, "vars")}
        assert tree.merged(*(_nested(path, value) for path, value in told.items())) == cluster.variables


def _nested(path, value):
    for key in reversed(path):
        value = {key: value}
    return value


def test_the_flowchart_leads_from_groups_to_clusters_and_from_deliveries_to_both(loaded):
    lines = mermaid(graph(*loaded)).splitlines()

    assert lines[0] == "flowchart LR"
    assert {
        "  n_control_plane --> n_group_all",
        "  n_group_all --> n_group_north",
        "  n_group_north --> n_group_far_north",
        "  n_group_far_north --> n_cluster_skua",
        "  n_group_north --> n_cluster_tern",
        "  n_propagation_only -.-> n_cluster_skua",
        "  n_propagation_wide -.-> n_group_all",
    } <= set(lines)
    declared = {found[1] for line in lines if (found := re.match(r"  (n_\w+)[\[({]", line))}
    assert {word for line in lines[1:] for word in re.findall(r"n_\w+", line)} == declared


# --- the schema


def _written(name):
    return yaml.safe_load((PROJECT / "stacks" / f"{name}.yaml").read_text())


@pytest.fixture(scope="module")
def validator():
    made = schema.schema()
    jsonschema.Draft202012Validator.check_schema(made)
    assert made["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    return jsonschema.Draft202012Validator(made)


@pytest.mark.parametrize("environment", ["dev", "test"])
def test_the_schema_takes_what_the_models_take(validator, environment):
    assert list(validator.iter_errors(_written(environment))) == []
    assert (
        list(
            validator.iter_errors(
                _written(environment) | {"keys": {"a": {"rotation": False, "deletionWindow": "7d"}}}
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"clustres": {}}, ()),
        ({"controlPlane": {"driver": "remote"}}, ("controlPlane", "driver")),
        ({"clusters": {"reef": {"nodes": 501}}}, ("clusters", "reef", "nodes")),
        ({"propagations": {"a": {}}}, ("propagations", "a")),
        ({"state": {"bucket": "A", "region": "r"}}, ("state",)),
    ],
)
def test_the_schema_marks_what_no_model_takes(validator, change, at):
    found = list(validator.iter_errors(_written("dev") | change))

    assert [tuple(error.absolute_path) for error in found] == [at]


# --- the commands


@pytest.fixture
def run(monkeypatch):
    """Runs `atoll inventory`: its output."""
    monkeypatch.setattr(words, "project", lambda: PROJECT)

    def call(*argv):
        done = CliRunner().invoke(inventories.app, argv)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    return call


def test_show_prints_columns_for_people_and_values_for_programs(run):
    rows = {line.split()[0]: line for line in run("show", "dev").splitlines()}
    told = {each["path"]: each for each in json.loads(run("show", "dev", "--json"))}

    assert list(rows)[1:] == list(told)
    assert re.search(r"  local +stacks/dev\.yaml:\d+$", rows["controlPlane.driver"])
    assert rows["kms.driver"].split()[-1] == "default"
    assert re.search(r"  Deployment guestbook/frontend +stacks/dev", "\n".join(rows.values()))
    region = told["clusters.lagoon.region"]
    assert (region["value"], region["file"], region["giver"]) == ("north", "stacks/dev.yaml", "group north")
    assert (told["kms.driver"]["file"], told["kms.driver"]["line"]) == (None, None)
    assert all(
        name in run("show", "dev", "--cluster", "reef") for name in ("controlPlane", "clusters.reef.zone")
    )


def test_a_cluster_that_nobody_declares_is_refused_with_the_nearest(monkeypatch):
    monkeypatch.setattr(words, "project", lambda: PROJECT)
    done = CliRunner().invoke(inventories.app, ["show", "dev", "--cluster", "lagon"])

    assert isinstance(done.exception, SettingsError)
    assert "Did you mean 'lagoon'?" in str(done.exception)


def test_diff_tells_what_one_has_and_the_other_has_not(run):
    lines = run("diff", "dev", "test").splitlines()
    told = {each["path"]: each for each in json.loads(run("diff", "dev", "test", "--json"))}

    assert any(
        re.fullmatch(r"- clusters\.reef\.zone: north-b  \(stacks/dev\.yaml:\d+\)", line) for line in lines
    )
    assert any(line.startswith("+ clusters.tern.region: north  (stacks/test.yaml:") for line in lines)
    assert not [line for line in lines if "controlPlane" in line]
    assert told["groups.south.vars.replicas"]["dev"]["value"] == 3
    assert told["groups.south.vars.replicas"]["test"] is None
    assert run("diff", "dev", "dev") == ""
    assert json.loads(run("diff", "dev", "dev", "--json")) == []


def test_graph_and_schema_are_printed_as_they_are(run):
    assert run("graph", "dev") == run("graph", "dev", "--format", "mermaid")
    assert run("graph", "dev").startswith("flowchart LR\n")
    assert run("graph", "dev", "--format", "svg").startswith("<svg ")
    assert json.loads(run("schema"))["title"] == "Atoll inventory"
