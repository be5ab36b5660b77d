"""A release by digest: rendered from what a real registry has, with its login, and refused where that is something else."""

import json

import pytest

from atoll.charts import manifests, packaging, publishing, weaving
from atoll.charts.access import Access
from atoll.charts.rendered_effects import RenderedChart
from atoll.core.effect import Context
from atoll.core.errors import RefusedError
from atoll.helm import Chart, HelmError, Login
from harness import charts
from harness.registry import PASSWORD, USER

_REFERENCE = {"kind": "oci", "registry": "depot"}


@pytest.fixture
def asked():
    """The registries whose login was asked for."""
    return []


@pytest.fixture
def effect(registry, asked):
    """The effect, whose logins are those of the registry of these tests."""

    def login(reference):
        asked.append(reference)
        return Access(Login(USER, PASSWORD), registry.authority)

    return RenderedChart(login)


@pytest.fixture
def inputs(destination, runner, tmp_path):
    """Those of a release of a chart that was published from its folder."""
    folder = charts.base(tmp_path)
    published = publishing.publish(runner, packaging.package(runner, folder), destination)
    objects = manifests(Chart(str(folder)), "crab", "shop", {})
    return {
        "source": {"oci": published.reference},
        "registry": _REFERENCE,
        "release": "crab",
        "namespace": "shop",
        "values": "{}",
        "expected": json.dumps(weaving.expected(objects, frozenset())),
    }


def test_a_release_is_rendered_from_what_the_registry_has_under_the_digest(effect, inputs, asked):
    assert effect.check(inputs) == []
    made = effect.create("crab-chart", inputs, Context())

    found = json.loads(made.outputs["manifests"])
    assert weaving.differing(json.loads(inputs["expected"]), found) == ""
    assert {each["metadata"]["namespace"] for each in found} == {"shop"}
    assert asked == [_REFERENCE]


def test_objects_that_nobody_expected_are_refused_by_name(effect, inputs):
    wanted = json.loads(inputs["expected"])
    (path, leaf, _), *_ = (each for each in wanted if each[0][-1] == "replicas")
    other = [[each[0], leaf + 1 if each[0] == path else each[1], each[2]] for each in wanted]

    with pytest.raises(RefusedError, match=r"make other objects \(Deployment crab spec\.replicas\)"):
        effect.create("crab-chart", {**inputs, "expected": json.dumps(other)}, Context())


def test_a_wrong_password_and_a_digest_that_is_not_there_are_told(registry, effect, inputs):
    stranger = RenderedChart(lambda _: Access(Login(USER, "wrong"), registry.authority))
    with pytest.raises(HelmError, match="401"):
        stranger.create("crab-chart", inputs, Context())

    name = inputs["source"]["oci"].partition("@")[0]
    gone = {**inputs, "source": {"oci": f"{name}@sha256:{'0' * 64}"}}
    with pytest.raises(HelmError, match="not found"):
        effect.create("crab-chart", gone, Context())


def test_a_chart_without_its_digest_is_no_source(effect, inputs):
    loose = {**inputs, "source": {"oci": "oci://registry.example/crab:1.4.0"}}

    assert [each.name for each in effect.check(loose)] == ["source.oci"]
