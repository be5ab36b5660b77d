"""`atoll charts check | publish`: words, answers and exit codes."""

import json

import pytest
from typer.testing import CliRunner

from atoll.automation.charts import app
from atoll.core.errors import ArgsError, Exit, RefusedError, SettingsError, UnavailableError
from harness import charts, helm
from harness.registry import PASSWORD, USER

pytestmark = pytest.mark.usefixtures("runner")


def _run(*argv, code=0, error=None, **more):
    done = CliRunner().invoke(app, [str(word) for word in argv], **more)
    if error:
        assert isinstance(done.exception, error), (done.output, done.exception)
    else:
        assert done.exit_code == code, (done.output, done.exception)
    return done


@pytest.fixture
def words(destination, tmp_path):
    """What every publication says, and nothing of the password."""
    authority = tmp_path / "ca.pem"
    authority.write_text(destination.authority)
    return [destination.repository, "--username", USER, "--ca-file", authority]


def test_a_chart_is_said_to_be_in_order(tmp_path):
    chart = charts.base(tmp_path)

    assert _run("check", chart, helm.CHART).stdout == f"{chart}: ok\n{helm.CHART}: ok\n"
    assert json.loads(_run("check", chart, "--json").stdout) == [{"chart": str(chart), "findings": []}]


def test_problems_of_all_charts_are_told_with_their_paths(tmp_path):
    good = charts.base(tmp_path)
    bad = charts.base(tmp_path / "bad")
    (bad / "Chart.yaml").write_text((bad / "Chart.yaml").read_text().replace("1.4.0", "1.4"))
    (bad / "values.schema.json").unlink()

    raised = _run("check", bad, good, error=SettingsError).exception
    told = json.loads(_run("check", bad, good, "--json", code=Exit.SETTINGS).stdout)

    assert str(raised).splitlines() == [
        f"{bad}/Chart.yaml:5: version: found 1.4; expected a version of SemVer 2, as in 1.2.3 [chart-version]",
        f"{bad}/values.schema.json: found no file; expected a JSON schema of the chart's values [values-schema]",
    ]
    assert told[0]["findings"][0] == {
        "file": "Chart.yaml",
        "line": 5,
        "text": "version: found 1.4; expected a version of SemVer 2, as in 1.2.3",
        "rule": "chart-version",
    }
    assert told[1]["findings"] == []


def test_values_of_ones_own_are_rendered_with(tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("image: registry.example/shop/crab:1.4.0\n")

    raised = _run("check", charts.base(tmp_path), "--values", values, error=SettingsError).exception

    assert str(raised).endswith("[image-pinned]")


def test_a_version_is_published_once_and_printed_by_its_digest(tmp_path, words):
    chart = charts.base(tmp_path)

    pending = _run("publish", chart, *words, "--check", input=PASSWORD, code=Exit.CHANGES)
    first = _run("publish", chart, *words, input=f"{PASSWORD}\n")
    again = json.loads(_run("publish", chart, *words, "--json", input=PASSWORD).stdout)
    known = json.loads(_run("publish", chart, *words, "--check", "--json", input=PASSWORD).stdout)

    assert pending.stdout == "crab 1.4.0 is not published\n"
    assert first.stdout == f"{words[0]}/crab@{again['digest']}\n"
    assert again == {
        "name": "crab",
        "version": "1.4.0",
        "content": again["content"],
        "digest": again["digest"],
        "reference": first.stdout.strip(),
        "changed": False,
    }
    assert known == again


def test_other_content_is_refused_by_publish_and_its_check(tmp_path, words):
    chart = charts.base(tmp_path)
    _run("publish", chart, *words, input=PASSWORD)
    (chart / "NOTES.md").write_text("new\n")

    for more in ((), ("--check",)):
        raised = _run("publish", chart, *words, *more, input=PASSWORD, error=RefusedError).exception
        assert "(NOTES.md)" in str(raised)
        assert raised.exit_code is Exit.REFUSED


def test_a_chart_with_a_problem_is_not_published(tmp_path, words):
    chart = charts.case(next(path for path in charts.CASES if path.stem == "privileged"), tmp_path)

    _run("publish", chart, *words, input=PASSWORD, error=SettingsError)
    mended = charts.base(tmp_path / "mended")
    _run("publish", mended, *words, "--check", input=PASSWORD, code=Exit.CHANGES)


@pytest.mark.parametrize(
    ("repository", "given", "error"),
    [
        ("https://registry.example/charts", PASSWORD, ArgsError),
        ("oci://crab:pass@registry.example/charts", PASSWORD, ArgsError),
        ("oci://registry.example/charts:1.0", PASSWORD, ArgsError),
        ("oci://registry.example/charts", "", ArgsError),
        ("oci://127.0.0.1:9/charts", PASSWORD, UnavailableError),
    ],
)
def test_what_is_no_place_and_who_has_no_password_is_told(repository, given, error, tmp_path):
    raised = _run(
        "publish", charts.base(tmp_path), repository, "--username", USER, input=given, error=error
    ).exception

    assert len(str(raised).splitlines()) == 1
    assert PASSWORD not in str(raised)
