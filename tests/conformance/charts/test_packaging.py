"""A package is the same wherever, whenever and by whomever it is made, and helm takes it."""

import gzip
import io
import os
import shutil
import tarfile

import pytest

from atoll.charts import packaging
from atoll.core.errors import IntegrityError
from harness import charts, helm

CONTENT = "sha256:faedfde8e1b963df17b0c32f18283ac721f45265c2b5e855a7c9f950cbb22e08"
"""The digest of the good chart's files: another one would be another content for all that is published."""


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def _elsewhere(chart, folder):
    """The same chart as another machine has it: written in another order, at another time, by another user, for others."""
    folder.mkdir()
    copy = folder / chart.name
    for path in sorted((path for path in chart.rglob("*") if path.is_file()), reverse=True):
        target = copy / path.relative_to(chart)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(target, 12345, 12345)
        os.utime(target, (1_000_000_000, 1_000_000_000))
    return copy


def test_two_machines_make_the_same_archive(tmp_path, runner, umask, monkeypatch):
    chart = charts.base(tmp_path)
    one = packaging.package(runner, chart)
    umask(0o077)
    monkeypatch.setenv("TZ", "Pacific/Chatham")
    monkeypatch.setenv("LC_ALL", "C")
    other = packaging.package(runner, _elsewhere(chart, tmp_path / "elsewhere"))

    assert other == one
    assert (one.name, one.version, one.content) == ("crab", "1.4.0", CONTENT)


def test_what_is_in_an_archive_is_nobodys_and_of_no_time(tmp_path, runner):
    made = packaging.package(runner, charts.base(tmp_path))

    with tarfile.open(fileobj=io.BytesIO(made.archive)) as tar:
        members = tar.getmembers()
    names = [member.name for member in members]
    assert names == sorted(names)
    assert "crab/Chart.yaml" in names
    assert {(each.mtime, each.mode, each.uid, each.gid, each.uname, each.gname) for each in members} == {
        (0, 0o644, 0, 0, "", "")
    }


def test_helm_renders_the_archive_as_it_does_the_folder(tmp_path, runner):
    archive = tmp_path / "service.tgz"
    archive.write_bytes(packaging.package(runner, helm.CHART).archive)
    words = [str(word) for word in helm.layers(helm.case("plain"))]

    assert runner.run("template", "web", archive, *words) == runner.run("template", "web", helm.CHART, *words)


def test_what_helmignore_names_is_left_out_and_changes_nothing(tmp_path, runner):
    chart = charts.base(tmp_path)
    (chart / ".helmignore").write_text("notes/\n*.bak\n")
    before = packaging.package(runner, chart)
    (chart / "notes").mkdir()
    (chart / "notes" / "secret.txt").write_text("x")
    (chart / "values.bak").write_text("x")

    after = packaging.package(runner, chart)

    assert after == before
    assert packaging.differing(before, packaging.package(runner, charts.base(tmp_path / "other"))) == [
        ".helmignore"
    ]


def test_an_archive_that_helm_made_has_the_same_content(tmp_path, runner):
    chart = charts.base(tmp_path)
    runner.run("package", chart, "--destination", tmp_path)

    theirs = packaging.packed((tmp_path / "crab-1.4.0.tgz").read_bytes(), "theirs")

    assert theirs == packaging.package(runner, chart)


@pytest.mark.parametrize(
    "archive",
    [b"", b"no archive", gzip.compress(b"no tar"), gzip.compress(bytes(10240))],
    ids=["nothing", "another file", "a file in gzip", "no files"],
)
def test_what_is_no_archive_of_a_chart_is_refused(archive):
    with pytest.raises(IntegrityError, match=r"^there: found no archive of a chart; expected one\.$"):
        packaging.packed(archive, "there")
