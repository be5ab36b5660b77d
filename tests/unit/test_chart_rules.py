"""What a chart must be, as far as it takes no program to see it. The cases of whole charts: conformance/charts."""

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.charts import dependencies, findings, metadata, packaging, publication_effects, restricted, schemas
from atoll.charts.dependencies import Vendored
from atoll.charts.findings import Finding, Rule, Text
from atoll.charts.publishing import Destination

_CHART = """\
apiVersion: v2
name: crab
description: d
version: 1.0.0
home: https://crab.example
maintainers: [{name: Ada, url: 'https://crab.example/ada'}]
"""
_ASKED = [
    {
        "name": "tide",
        "version": ">=0.1 <1",
        "repository": "file://../tide",
        "alias": "t",
        "condition": "a.b&c",
        "tags": ["x"],
        "import-values": [{"child": "a", "parent": "b"}],
    }
]
_LOCKED = [{"name": "tide", "repository": "file://../tide", "version": "0.1.0"}]


def test_a_value_is_found_at_its_line_and_what_is_missing_at_what_is_above_it():
    text = Text("f", "a:\n  b: 1\n  c:\n    - d: 2\n    - e\n")

    assert [text.line(path) for path in ((), ("a",), ("a", "b"), ("a", "c", 0, "d"), ("a", "c", 1))] == [
        1,
        1,
        2,
        4,
        5,
    ]
    assert text.line(("a", "x", "y")) == 1
    assert text.line(("a", "c", 7)) == 3


def test_a_finding_is_one_line_with_its_place_and_rule():
    assert str(Finding("values.yaml", 3, "found", Rule.SCHEMA)) == "values.yaml:3: found [values-schema]"
    assert str(Finding("values.yaml", 0, "found", Rule.SCHEMA)) == "values.yaml: found [values-schema]"
    assert findings.shown("a\nb" + "x" * 100).count("\n") == 0


def test_version_and_application_version_are_independent():
    for version, application in (("1.0.0", "'9'"), ("2.0.0-rc.1+b.5", "main-2026-11-27"), ("0.0.1", "''")):
        text = _CHART.replace("version: 1.0.0", f"version: {version}") + f"appVersion: {application}\n"
        assert metadata.problems(Text("Chart.yaml", text), "crab") == []


@pytest.mark.parametrize(
    "text", ["1", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "", 1.2, None]
)
def test_what_is_no_semver_is_no_version(text):
    assert not metadata.is_semver(text)


@given(
    st.tuples(st.integers(0), st.integers(0), st.integers(0)),
    st.from_regex(r"(-[a-z][a-z0-9]{0,5})?", fullmatch=True),
)
def test_every_triple_of_numbers_is_a_version(numbers, end):
    assert metadata.is_semver(".".join(map(str, numbers)) + end)


def test_the_digest_of_a_lock_is_helms():
    # Made by `helm dependency update`, version 4.2.4.
    assert dependencies.digest(_ASKED, _LOCKED) == (
        "sha256:00a3406097d8e7e13bbd5ce1d3220abe6ed89b9745a9189ce5eb1e35775f8e12"
    )


def test_a_dependency_that_is_locked_and_there_by_its_digest_is_in_order():
    told = f"{_CHART}annotations:\n  {dependencies.DIGESTS}: 'tide-0.1.0.tgz: sha256:aa'\n"
    chart = Text("Chart.yaml", told)
    chart.value["dependencies"] = _ASKED
    lock = Text("Chart.lock", "")
    lock.value = {"dependencies": _LOCKED, "digest": dependencies.digest(_ASKED, _LOCKED)}

    assert dependencies.problems(chart, lock, Vendored({"tide-0.1.0.tgz": "sha256:aa"}, {})) == []
    assert [
        str(each.rule) for each in dependencies.problems(chart, lock, Vendored({}, {"tide": "0.2.0"}))
    ] == ["dependencies-locked"]


def test_keys_that_are_the_users_own_are_not_looked_for_in_a_schema():
    schema = """{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties":
      {"labels": {"type": "object", "additionalProperties": {"type": "string"}},
       "service": {"type": "object", "properties": {"port": {"type": "integer"}}}}}"""

    assert schemas.problems(schema, "labels: {a: b}\nglobal: {x: 1}\nservice: {port: 1}\n") == []
    assert [str(each) for each in schemas.problems(schema, "service:\n  prot: 1\n")] == [
        (
            "values.yaml:2: service.prot: found a value that values.schema.json does not know; expected it there. "
            "Did you mean 'port'? [values-schema]"
        )
    ]


def test_pods_are_found_in_lists_and_templates_and_other_objects_have_none():
    pod = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    deployment = {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": pod}}
    listed = {
        "kind": "List",
        "items": [deployment, {"kind": "Pod", **pod}, {"kind": "ConfigMap", "data": {}}],
    }

    told = [text for rule, text in restricted.problems(listed) if rule is Rule.IMAGE]

    assert [text.partition(": found")[0] for text in told] == [
        "List: items[0].spec.template.spec.containers[0].image",
        "List: items[1].spec.containers[0].image",
    ]
    assert list(restricted.problems({"kind": "Service", "spec": {"containers": 3}})) == []


@pytest.mark.parametrize(
    "manifest", [{"kind": "Pod", "spec": None}, {"kind": "Pod", "spec": {"containers": ["x"]}}, {}]
)
def test_what_is_no_pod_breaks_nothing(manifest):
    assert isinstance(list(restricted.problems(manifest)), list)


@given(st.integers(0, 2) | st.integers(0xFFFD, 0x10001) | st.integers(0, 300_000))
def test_what_is_stored_is_read_by_every_gzip(size):
    data = (bytes(range(251)) * (size // 251 + 1))[:size]

    assert gzip.decompress(packaging._stored(data)) == data


def _archive(files, **more):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for field, value in more.items():
                setattr(member, field, value)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def test_order_times_owners_modes_and_the_form_of_chart_yaml_make_no_other_content_and_a_byte_does():
    files = {"crab/Chart.yaml": b"name: crab\nversion: 1.0.0\n", "crab/values.yaml": b"a: 1\n"}
    one = packaging.packed(_archive(files), "one")
    other = packaging.packed(
        _archive(dict(reversed(files.items())), mtime=7, uid=1000, uname="ada", mode=0o777), "other"
    )
    theirs = packaging.packed(
        _archive({**files, "crab/Chart.yaml": b"version: '1.0.0'\nname: crab\n"}), "theirs"
    )
    changed = packaging.packed(_archive({**files, "crab/values.yaml": b"a: 2\n", "crab/x": b""}), "changed")

    assert other == one
    assert theirs.content == one.content
    assert packaging.differing(one, theirs) == []
    assert changed.content != one.content
    assert packaging.differing(one, changed) == ["values.yaml", "x"]


@pytest.mark.parametrize(
    "repository",
    [
        "registry.example/charts",
        "oci:///charts",
        "oci://a:b@r.example/c",
        "oci://r.example/c:1",
        "oci://r/c@sha256:0",
        "oci://r/c?x",
    ],
)
def test_what_is_no_place_for_charts_is_told(repository):
    assert "expected oci://HOST/PATH" in str(Destination(repository).problem())


@pytest.mark.parametrize("repository", ["oci://r.example", "oci://127.0.0.1:5000/charts/team/"])
def test_a_place_for_charts_is_taken(repository):
    assert Destination(repository).problem() is None
    assert "//" not in Destination(repository).place("crab").removeprefix("oci://")


def test_the_files_of_a_folder_have_a_digest_by_name_and_content(tmp_path):
    (tmp_path / "a").write_text("1")
    one = publication_effects.sources(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    other = publication_effects.sources(tmp_path)
    (tmp_path / "b").rename(tmp_path / "a")
    (tmp_path / "a").chmod(0o600)

    assert one != other
    assert publication_effects.sources(tmp_path) == one
