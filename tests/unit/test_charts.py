"""Where charts come from, what values they take, and how helm is told: decided without helm."""

import base64
import gzip
import io
import json
import stat
import tarfile

import pytest
import yaml

from atoll.charts import contents, source, values
from atoll.core.errors import ArgsError
from atoll.helm import Chart, Login, storage
from atoll.helm import values as layers
from harness import helm

_DIGEST = "sha256:" + "0" * 64
_PASSWORD = "hunter-of-tests"
_SCHEMA = json.loads((helm.CHART / "values.schema.json").read_text())
_DEFAULTS = yaml.safe_load((helm.CHART / "values.yaml").read_text())
_IMAGE = yaml.safe_load((helm.CASES / "image.yaml").read_text())


@pytest.mark.parametrize(
    "chosen",
    [
        {"oci": f"oci://r.example.test/a/b@{_DIGEST}"},
        {"oci": f"oci://127.0.0.1:5000/b@{_DIGEST}", "login": {"username": "a", "password": "b"}},
        {"repository": "https://r.example.test", "chart": "c", "version": "1.2.3-rc.1+b"},
        {"path": "charts/service"},
    ],
)
def test_what_is_pinned_is_a_source(chosen):
    assert list(source.problems(chosen)) == []


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({}, "found none; expected one of oci, repository"),
        ({"oci": f"oci://r/b@{_DIGEST}", "path": "b"}, "found oci and path; expected one of"),
        (
            {"oci": "oci://r.example.test/b:1.2.3"},
            "oci: found 'oci://r.example.test/b:1.2.3'; expected oci://HOST",
        ),
        ({"oci": "oci://r.example.test/b"}, "may be another chart tomorrow"),
        ({"oci": "oci://r/b@sha256:12"}, "told by: helm show chart oci://r/b@sha256:12"),
        (
            {"repository": "https://r", "chart": "c"},
            "version: found none; expected the chart's exact version",
        ),
        ({"repository": "https://r", "version": "1.2.3"}, "chart: found none; expected the chart's name"),
        (
            {"repository": "https://r", "chart": "c", "version": "^1"},
            "version: found '^1'; expected an exact version",
        ),
        ({"repository": "https://r", "chart": "c", "version": "1.x"}, "and no range"),
        ({"path": "c", "version": "1.2.3"}, "version: found '1.2.3' beside path"),
        ({"path": "c", "login": {"username": "a", "password": "b"}}, "login: found one beside path"),
    ],
)
def test_what_may_be_another_chart_tomorrow_is_refused(chosen, says):
    with pytest.raises(ArgsError) as refused:
        source.require(chosen, "release web: source")
    assert str(refused.value).startswith("release web: source")
    assert says in str(refused.value)


def test_maps_merge_and_all_else_is_taken_from_the_last():
    below = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    above = {"a": {"c": [3], "e": None}, "d": {"f": 1}}

    assert layers.merged([below, above]) == {"a": {"b": 1, "c": [3], "e": None}, "d": {"f": 1}}
    assert below == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_a_null_takes_a_default_away():
    assert values.complete({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}) == {"a": {"c": 2}}


@pytest.mark.parametrize("name", helm.NAMES)
def test_the_values_of_every_case_are_taken(name):
    given = layers.merged([_IMAGE, yaml.safe_load(helm.case(name).read_text()) or {}])

    assert values.problems(_SCHEMA, values.complete(_DEFAULTS, given)) == []


_BY_SCHEMA = [reason for reason, case in helm.REFUSED.items() if "at '" in case["says"]]


@pytest.mark.parametrize("reason", _BY_SCHEMA)
def test_what_helm_refuses_by_the_schema_is_refused_here(reason):
    given = layers.merged([_IMAGE, helm.REFUSED[reason]["values"]])
    found = values.problems(_SCHEMA, values.complete(_DEFAULTS, given))

    assert found
    assert all(line.startswith("values") and "; expected " in line for line in found), found


def test_there_are_many_values_that_the_schema_refuses():
    assert len(_BY_SCHEMA) >= 20


def test_everything_wrong_is_told_at_once_with_the_nearest_name_and_no_value():
    given = layers.merged(
        [_IMAGE, {"replica": 3, "port": _PASSWORD, "image": {"digest": _PASSWORD, "tags": "latest"}}]
    )
    found = values.problems(_SCHEMA, values.complete(_DEFAULTS, given))

    assert [line.split(":")[0] for line in found] == [
        "values.image.digest",
        "values.image.tags",
        "values.port",
        "values.replica",
    ]
    assert "Did you mean 'replicas'?" in found[3]
    assert _PASSWORD not in "".join(found)


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        ({"type": "integer"}, "a", "found a text; expected a whole number"),
        ({"type": ["string", "null"]}, 1, "found a number; expected a text or nothing"),
        ({"enum": ["a", "b"]}, "c", "found a text; expected one of: a, b"),
        ({"const": 1}, 2, "found a number; expected 1"),
        ({"minimum": 3}, 2, "found a number; expected at least 3"),
        ({"pattern": "^a$"}, "b", "found a text; expected a text that matches ^a$"),
        ({"anyOf": [{"type": "integer"}, {"type": "string", "minLength": 3}]}, "a", "at least 3 characters"),
        ({"not": {"type": "string"}, "description": "No text."}, "a", "expected No text."),
        ({"type": "boolean"}, [], "found a list; expected true or false"),
        ({"type": "array"}, True, "found true; expected a list"),
    ],
)
def test_a_rule_is_told_in_words(schema, value, says):
    (line,) = values.problems({"properties": {"a": schema}}, {"a": value})

    assert line.startswith("values.a: ")
    assert says in line


def test_a_chart_is_read_from_its_folder_and_from_its_archive_alike(tmp_path):
    archive = tmp_path / "c.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        for name in ("Chart.yaml", "values.yaml", "values.schema.json"):
            packed.add(helm.CHART / name, f"service/{name}")

    assert contents.read(archive) == contents.read(helm.CHART)
    assert contents.read(helm.CHART).schema == _SCHEMA


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "found no Chart.yaml"),
        ({"Chart.yaml": "", "values.schema.json": "{"}, "values.schema.json: found no JSON"),
        ({"Chart.yaml": "", "values.yaml": "- a"}, "values.yaml: found no map"),
        ({"Chart.yaml": "", "values.yaml": "a: ["}, "values.yaml: found no YAML"),
    ],
)
def test_what_is_no_chart_is_told(files, says, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(ArgsError, match=says):
        contents.read(tmp_path)


def test_a_chart_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ArgsError, match="expected its folder or archive"):
        contents.read(tmp_path / "none")


@pytest.mark.parametrize(
    "chart",
    [
        Chart(f"oci://r.example.test/b@{_DIGEST}", login=Login("reader", _PASSWORD), authority="PEM"),
        Chart("c", "1.2.3", "https://r.example.test", Login("reader", _PASSWORD), "PEM"),
    ],
)
def test_a_login_is_in_a_file_that_its_owner_alone_reads_and_in_no_argument(chart, tmp_path):
    words = chart.words(tmp_path)
    written = list(tmp_path.iterdir())
    token = base64.b64encode(f"reader:{_PASSWORD}".encode()).decode()

    assert not any(_PASSWORD in word or token in word for word in words)
    assert any(_PASSWORD in path.read_text() or token in path.read_text() for path in written)
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert _PASSWORD not in repr(chart)


def test_a_login_for_a_path_is_refused(tmp_path):
    with pytest.raises(ArgsError, match="expected a chart in a registry"):
        Chart("./c", login=Login("a", "b")).words(tmp_path)


def test_what_helm_keeps_of_a_release_is_read():
    kept = {
        "name": "web",
        "namespace": "shop",
        "version": 3,
        "info": {"status": "pending-upgrade"},
        "chart": {"metadata": {"name": "c", "version": "1.0.0"}},
        "config": {"a": 1},
        "manifest": "---\n",
    }
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream:
        stream.write(json.dumps(kept).encode())
    data = base64.b64encode(base64.b64encode(packed.getvalue())).decode()

    found = storage.decoded({"metadata": {"labels": {"owner": "helm"}}, "data": {"release": data}})

    assert (found.name, found.namespace, found.revision, found.values) == ("web", "shop", 3, {"a": 1})
    assert found.is_pending
