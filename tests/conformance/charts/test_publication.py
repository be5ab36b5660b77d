"""`ChartPublication` by the real engine and a real registry: published, left alone, raised, refused, found overwritten or gone."""

import itertools
import shutil
from typing import Any

import pytest

from atoll.charts import publishing
from atoll.core.effect import Context, Seen
from atoll.core.errors import ArgsError, RefusedError, SettingsError
from atoll.host import Environment
from atoll.provider import resources
from atoll.toolchain import cache
from conformance.kubernetes.programs import Program
from harness import charts
from harness.registry import PASSWORD

_PROGRAM = """
import pathlib
import pulumi
from atoll.charts.publication import ChartPublication, ChartPublicationArgs

authority = pathlib.Path("ca.pem").read_text()
args = ChartPublicationArgs(chart="crab", repository={repository!r}, logins="logins.json", authority=authority)
made = ChartPublication("crab", args)
pulumi.export("reference", made.reference)
"""


_COUNTER = itertools.count()


@pytest.fixture
def project(folder, engine, destination, runner):
    """A Pulumi program that publishes the chart beside it."""
    project = Program(folder / "publish", engine, "publish", "", "")
    environment = Environment(project.folder, "t", folder / "publish-environment")
    environment.create()
    project.environment = {
        "ATOLL_ENVIRONMENT": str(environment.folder),
        "ATOLL_CACHE": str(cache.folder()),
    }
    charts.base(project.folder)
    publishing._words(runner, destination, destination.repository, "")
    shutil.copy(runner.folder / "registry.json", project.folder / "logins.json")
    (project.folder / "ca.pem").write_text(destination.authority)
    (project.folder / "__main__.py").write_text(_PROGRAM.format(repository=destination.repository))
    return project


@pytest.fixture
def inputs(folder, destination, runner, tmp_path, monkeypatch):
    """Those of a publication, without an engine."""
    # A socket's path must be short.
    environment = Environment(tmp_path, "t", folder / f"e{next(_COUNTER)}")
    environment.create()
    monkeypatch.setenv("ATOLL_ENVIRONMENT", str(environment.folder))
    charts.base(tmp_path)
    publishing._words(runner, destination, destination.repository, "")
    shutil.copy(runner.folder / "registry.json", tmp_path / "logins.json")
    return {
        "chart": "crab",
        "repository": destination.repository,
        "logins": "logins.json",
        "authority": destination.authority,
    }


def test_what_is_gone_from_the_registry_is_found_to_be(inputs):
    effect, context = resources.effect("ChartPublication"), Context()
    made = effect.create("crab", inputs, context)

    assert effect.read(made.id, inputs, made.outputs, context) == Seen(inputs, made.outputs)
    gone = {**inputs, "repository": f"{inputs['repository']}-gone"}
    assert effect.read(made.id, gone, made.outputs, context) is None


def test_a_file_that_belongs_to_no_chart_changes_nothing(inputs, tmp_path):
    effect = resources.effect("ChartPublication")
    (tmp_path / "crab" / ".helmignore").write_text("*.bak\n")
    made = effect.create("crab", inputs, Context()).outputs
    (tmp_path / "crab" / "values.bak").write_text("x")

    assert effect.stale(inputs, made) is None
    (tmp_path / "crab" / "NOTES.md").write_text("x")
    assert effect.stale(inputs, made) == "crab 1.4.0 is not what was published"


def test_what_is_wrong_with_a_chart_is_told_by_the_preview_of_its_publication(inputs, tmp_path):
    effect = resources.effect("ChartPublication")
    effect.refuse(inputs, {})
    made = effect.create("crab", inputs, Context()).outputs
    _edit(tmp_path, "templates/deployment.yaml", "allowPrivilegeEscalation: false", "privileged: true")

    with pytest.raises(RefusedError, match="found other content published as"):
        effect.refuse(inputs, made)
    _edit(tmp_path, "Chart.yaml", "1.4.0", "1.5.0")
    with pytest.raises(SettingsError, match=r"crab/templates/deployment\.yaml: Deployment") as raised:
        effect.refuse(inputs, made)
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize(
    ("change", "property_"),
    [({"chart": "nix"}, "chart"), ({"repository": "https://registry.example"}, "repository")],
)
def test_an_input_that_does_not_fit_is_named(change, property_, inputs):
    assert [each.name for each in resources.effect("ChartPublication").check({**inputs, **change})] == [
        property_
    ]
    assert resources.effect("ChartPublication").check({"authority": ""}) == []


def test_a_file_of_logins_that_is_not_there_is_told(inputs):
    with pytest.raises(ArgsError, match=r"logins: found .nix\.json."):
        resources.effect("ChartPublication").create("crab", {**inputs, "logins": "nix.json"}, Context())


def _edit(folder, name, old, new):
    path = folder / "crab" / name
    path.write_text(path.read_text().replace(old, new))


def test_a_chart_lives_in_a_program_by_its_versions(project, destination, runner, tmp_path):
    def there(version) -> Any:
        return publishing.look(runner, destination, "crab", version)

    assert project.deploy().ops == {"crab": "create"}
    first = project.outputs()["reference"]
    assert there("1.4.0").reference == first
    assert project.up().succeeded().ops == {}

    # Another content needs another version, and the preview says so.
    _edit(project.folder, "values.yaml", "replicas: 2", "replicas: 3")
    assert "Raise `version` in Chart.yaml" in project.preview().refused()
    _edit(project.folder, "Chart.yaml", "1.4.0", "1.5.0")
    assert project.up().succeeded().ops == {"crab": "update"}
    assert there("1.5.0").reference == project.outputs()["reference"] != first
    assert there("1.4.0").reference == first

    # Somebody overwrites the version by other ways: it is found, and not overwritten in turn.
    runner.run("package", charts.base(tmp_path), "--version", "1.5.0", "--destination", tmp_path)
    words = publishing._words(runner, destination, destination.repository, "")
    runner.run("push", tmp_path / "crab-1.5.0.tgz", *words)
    assert any("somebody overwrote it" in text for text in project.refresh().succeeded().warnings)
    assert "found other content published" in project.preview().refused()

    assert PASSWORD not in project.state_text()
    project.destroy().succeeded()
    assert there("1.4.0").reference == first
