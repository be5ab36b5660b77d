"""Images by digest, tags refused, and what a builder of this machine is started with."""

import tomllib
from pathlib import Path

import pytest

from atoll.core.errors import ArgsError
from atoll.registry import ImageRef, docker
from atoll.registry.local import buildkit
from atoll.registry.local.buildkit import Seat

_DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "repository"),
    [
        (f"ghcr.io/team/app@{_DIGEST}", "ghcr.io/team/app"),
        (f"127.0.0.1:5000/app@{_DIGEST}", "127.0.0.1:5000/app"),
        (f"127.0.0.1:5000/team/app:1.2@{_DIGEST}", "127.0.0.1:5000/team/app"),
        (f"[::1]:5000/app@{_DIGEST}", "[::1]:5000/app"),
        (f"busybox@{_DIGEST}", "busybox"),
    ],
)
def test_a_digest_decides_whatever_the_tag_says(text, repository):
    found = ImageRef.parse(text)

    assert found == ImageRef(repository, _DIGEST)
    assert str(found) == f"{repository}@{_DIGEST}"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("127.0.0.1:5000/team/app", "127.0.0.1:5000/team/app:latest"),
        ("ghcr.io/team/app:1.2", "ghcr.io/team/app:1.2"),
        ("busybox", "busybox:latest"),
    ],
)
def test_a_tag_alone_is_refused_with_how_to_find_its_digest(text, named):
    with pytest.raises(ArgsError) as told:
        ImageRef.parse(text)

    repository = named.rpartition(":")[0]
    assert str(told.value) == (
        f"image {named}: found a tag alone; expected its digest, as {repository}@sha256:… (a tag can come to mean "
        f"another image). Find it: docker buildx imagetools inspect {named}"
    )


@pytest.mark.parametrize(
    "text",
    ["", "A@B", "app:", "app@", f"@{_DIGEST}", "app@sha256:12", "-app", "app:ta g", f"app:-@{_DIGEST}"],
)
def test_what_is_no_reference_is_refused_in_one_line(text):
    with pytest.raises(ArgsError, match=r"^image.*: found .*; expected [^\n]+$"):
        ImageRef.parse(text)


def _seat(runc):
    return Seat(Path('/home/a "b"/e'), Path("/cache/buildkitd"), "0.32.2", runc)


def test_a_builder_reads_where_it_listens_and_whom_it_trusts():
    place = _seat(Path("/usr/sbin/runc"))

    found = tomllib.loads(place.text({"127.0.0.1:5000": Path("/home/ca.crt")}))

    assert found["root"] == '/home/a "b"/e/buildkitd/cache'
    assert found["grpc"] == {"address": ['unix:///home/a "b"/e/buildkitd.sock']}
    assert found["worker"]["oci"]["binary"] == "/usr/sbin/runc"
    assert found["worker"]["containerd"] == {"enabled": False}
    assert found["registry"] == {"127.0.0.1:5000": {"http": False, "ca": ["/home/ca.crt"]}}
    assert place.files == {}


def test_without_a_runc_something_says_so_in_its_place():
    place = _seat(None)

    assert tomllib.loads(place.text({}))["worker"]["oci"]["binary"] == str(place.substitute)
    assert buildkit.NO_RUNC in place.files[place.substitute]


def test_the_builders_of_a_user_are_found_where_buildx_looks(tmp_path):
    for folder, name in (("docker/buildx", "one"), ("other", "two"), ("home/.docker/buildx", "three")):
        instances = tmp_path / folder / "instances"
        instances.mkdir(parents=True)
        (instances / name).write_text(f'{{"Name": "{name}"}}')
        (instances / "broken").write_text("{")
    home = {"HOME": str(tmp_path / "home")}

    assert list(docker.theirs(home)) == ["three"]
    assert list(docker.theirs({**home, "DOCKER_CONFIG": str(tmp_path / "docker")})) == ["one"]
    assert list(docker.theirs({**home, "BUILDX_CONFIG": str(tmp_path / "other")})) == ["two"]
    assert docker.theirs({}) == {}
