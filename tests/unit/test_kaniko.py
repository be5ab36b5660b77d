"""Builds by Kaniko: what is packed, what makes another build, and what its objects are called."""

import gzip
import io
import tarfile
from dataclasses import replace
from datetime import timedelta

import pytest

from atoll.core import naming
from atoll.core.errors import ArgsError
from atoll.registry import contexts
from atoll.registry.kaniko_effects import KanikoImage
from harness import kaniko


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "app"
    (made / "src").mkdir(parents=True)
    (made / "Dockerfile").write_text("FROM scratch\n")
    (made / "src" / "main").write_text("one")
    (made / "src" / "main").chmod(0o750)
    (made / "src" / "link").symlink_to("main")
    return made


def _packed(folder, dockerfile=None):
    packed = contexts.pack(folder, dockerfile or folder / "Dockerfile")
    return packed, {each.name: each for each in tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed)))}


def test_a_context_is_packed_with_modes_and_links_and_without_owners_and_times(folder):
    _, found = _packed(folder)

    assert list(found) == ["Dockerfile", "src", "src/link", "src/main"]
    assert found["src/main"].mode & 0o777 == 0o750
    assert (found["src/link"].issym(), found["src/link"].linkname) == (True, "main")
    assert {(each.uid, each.gid, each.mtime, each.uname) for each in found.values()} == {(0, 0, 0, "")}


def test_the_same_files_are_the_same_bytes_wherever_they_lie(folder, tmp_path):
    other = tmp_path / "elsewhere"
    (other / "src").mkdir(parents=True)
    (other / "src" / "link").symlink_to("main")
    (other / "src" / "main").write_text("one")
    (other / "src" / "main").chmod(0o750)
    (other / "Dockerfile").hardlink_to(folder / "Dockerfile")

    assert _packed(other)[0] == _packed(folder)[0]
    (other / "src" / "main").write_text("two")
    assert _packed(other)[0] != _packed(folder)[0]


def test_a_second_name_of_a_file_is_a_file(folder):
    (folder / "again").hardlink_to(folder / "src" / "main")
    found = _packed(folder)[1]

    assert (found["again"].isreg(), found["again"].size, found["src/main"].isreg()) == (True, 3, True)


@pytest.mark.parametrize(
    ("ignored", "file"),
    [("src/*\n!src/link\n# main\n\n", ".dockerignore"), ("/src/main/\n", "Dockerfile.dockerignore")],
)
def test_what_is_ignored_is_left_out(folder, ignored, file):
    (folder / ".dockerignore").write_text("Dockerfile\n")
    (folder / file).write_text(ignored)
    found = _packed(folder)[1]

    assert "src/main" not in found
    assert {"src/link", "Dockerfile"} <= found.keys()


def test_a_context_that_is_no_folder_is_told(folder):
    with pytest.raises(
        ArgsError, match=r"context: found '.*/none', which is no folder; expected what the image is"
    ):
        _packed(folder / "none")


@pytest.mark.parametrize(
    "change",
    [
        {"context": b"other"},
        {"dockerfile": b"FROM other"},
        {"executor": "other"},
        {"repository": "other"},
        {"tags": ("2",)},
        {"target": "other"},
        {"platform": "linux/s390x"},
        {"build_args": {"A": "2"}},
        {"labels": {}},
        {"cache": ""},
    ],
)
def test_what_makes_another_image_makes_another_build(change):
    build = kaniko.build("all")

    assert replace(build, **change).revision != build.revision


def test_where_and_for_how_long_it_is_built_makes_no_other():
    build = kaniko.build("all")
    other = replace(
        build, namespace="other", timeout=timedelta(hours=1), resources={}, authorities={"a": "b"}
    )

    assert other.revision == build.revision


def test_without_tags_it_is_called_by_what_was_built_and_never_latest():
    build = kaniko.build("little")

    assert build.destinations == (f"registry.example.com/team/app:{build.revision}",)


@pytest.mark.parametrize("case", sorted(kaniko.CASES))
def test_its_pods_have_names_that_are_dns_labels(case):
    build = kaniko.build(case)

    assert naming.dns_label_problem(f"{build.called}-x7k2p") is None


@pytest.mark.parametrize("case", sorted(kaniko.CASES))
def test_no_login_is_in_what_everybody_may_read(case):
    build = kaniko.build(case)
    secret = build.logins(kaniko.OWNER, "hush")

    assert secret["kind"] == "Secret"
    assert "hush" not in str([build.job(suspended=False), build.pod(), build.input(kaniko.OWNER)])


def test_an_executor_by_a_tag_alone_is_refused():
    (failure,) = KanikoImage().check({"executor": "gcr.io/kaniko-project/executor:v1.24.0"})

    assert failure.name == "executor"
    assert failure.reason.startswith(
        "image gcr.io/kaniko-project/executor:v1.24.0: found a tag alone; expected its digest"
    )
    assert KanikoImage().check({"executor": kaniko.EXECUTOR}) == []
    assert KanikoImage().check({}) == []


def test_a_way_to_the_same_image_changes_no_output():
    effect = KanikoImage()

    assert effect.changes(frozenset({"access", "timeoutSeconds"})) == frozenset()
    assert effect.changes(frozenset({"access", "labels"})) == {"digest", "revision"}
    assert effect.changes(frozenset()) == {"digest", "revision"}
