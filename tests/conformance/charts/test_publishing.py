"""Publishing to a real registry: a version once, by digest; whatever goes wrong there is one line, and the next run completes."""

import dataclasses
import os
import random
import socket
import subprocess
from datetime import timedelta

import pytest

from atoll.charts import packaging, publishing
from atoll.charts.publishing import Destination
from atoll.core import command
from atoll.core.errors import Exit, RefusedError, UnavailableError
from atoll.helm import Helm, Login
from harness import charts
from harness.registry import PASSWORD, USER, Door, served

MANIFEST = "sha256:6abd43eb414961dac9b84c3c2e47972066fd2d3fbb1046c3bfcd50b438109318"
"""The digest that every registry has the good chart under."""
_LARGE = 3 << 20


@pytest.fixture
def package(tmp_path, runner):
    """The good chart."""
    return packaging.package(runner, charts.base(tmp_path))


@pytest.fixture
def large(tmp_path, runner):
    """A chart whose upload takes more than a moment."""
    chart = charts.base(tmp_path / "large")
    (chart / "files").mkdir()
    (chart / "files" / "noise").write_bytes(random.Random(1).randbytes(_LARGE))
    return packaging.package(runner, chart)


def _changed(tmp_path, runner, **replaced):
    chart = charts.base(tmp_path / "changed")
    for name, (old, new) in replaced.items():
        path = chart / f"{name}.yaml"
        path.write_text(path.read_text().replace(old, new))
    return packaging.package(runner, chart)


def test_a_version_is_published_once_and_named_by_its_digest(runner, package, destination):
    assert publishing.look(runner, destination, "crab", "1.4.0") is None

    first = publishing.publish(runner, package, destination)
    again = publishing.publish(runner, package, destination)

    assert (first.made, again.made) == (True, False)
    assert first.reference == again.reference == f"{destination.repository}/crab@{MANIFEST}"
    assert again.package == package
    words = publishing._words(runner, destination, first.reference, "")
    assert "kind: Deployment" in runner.run("template", "web", *words)


def test_other_content_under_a_published_version_is_refused_and_the_first_stays(
    runner, package, destination, tmp_path
):
    first = publishing.publish(runner, package, destination)
    other = _changed(tmp_path, runner, values=("replicas: 2", "replicas: 3"))

    with pytest.raises(RefusedError) as raised:
        publishing.publish(runner, other, destination)

    assert str(raised.value) == (
        f"chart crab 1.4.0: found other content published as {first.reference} (values.yaml); expected the same, "
        "since a published version is never overwritten. Raise `version` in Chart.yaml."
    )
    there = publishing.look(runner, destination, "crab", "1.4.0")
    assert there is not None
    assert there.digest == first.digest


def test_another_version_stands_beside_the_first(runner, package, destination, tmp_path):
    first = publishing.publish(runner, package, destination)
    second = publishing.publish(
        runner, _changed(tmp_path, runner, Chart=("1.4.0", "1.4.1+build.7")), destination
    )

    assert second.made
    assert second.digest != first.digest
    there = publishing.look(runner, destination, "crab", "1.4.1+build.7")
    assert there is not None
    assert there.package.version == "1.4.1+build.7"


def test_who_publishes_at_the_same_moment_as_somebody_else_is_told(
    runner, package, destination, tmp_path, monkeypatch
):
    other = _changed(tmp_path, runner, values=("replicas: 2", "replicas: 3"))
    push = publishing._push

    def overtaken(helm, ours, where):
        push(helm, ours, where)
        push(helm, other, where)

    monkeypatch.setattr(publishing, "_push", overtaken)

    with pytest.raises(RefusedError, match=r"found other content published as .* \(values\.yaml\)"):
        publishing.publish(runner, package, destination)


def test_what_helm_itself_pushed_of_the_same_content_is_taken_up(runner, package, destination, tmp_path):
    runner.run("package", charts.base(tmp_path / "theirs"), "--destination", tmp_path)
    words = publishing._words(runner, destination, destination.repository, "")
    runner.run("push", tmp_path / "crab-1.4.0.tgz", *words)

    found = publishing.publish(runner, package, destination)

    assert not found.made
    assert found.digest != MANIFEST


def test_a_login_is_in_no_argument_and_in_a_file_of_its_owner(package, destination, monkeypatch):
    ran, modes, really = [], set(), command.run_until

    def watched(cancelled, argv, **more):
        ran.append(" ".join(map(str, argv)))
        modes.add((helm.folder / "registry.json").stat().st_mode & 0o777)
        return really(cancelled, argv, **more)

    monkeypatch.setattr(command, "run_until", watched)
    with Helm() as helm:
        publishing.publish(helm, package, destination)

    assert [words.split()[1] for words in ran] == ["pull", "push", "pull"]
    assert not any(PASSWORD in words or USER + ":" in words for words in ran)
    assert modes == {0o600}
    assert not helm.folder.exists()


def test_dockers_own_logins_are_taken_and_those_that_are_given_go_before(
    package, destination, monkeypatch, tmp_path
):
    with Helm() as helm:
        publishing.publish(helm, package, destination)
        docker = (helm.folder / "registry.json").read_text()
    (tmp_path / "config.json").write_text(docker)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    bare = dataclasses.replace(destination, login=None)

    with Helm() as helm:
        assert publishing.look(helm, bare, "crab", "1.4.0") is not None
    wrong = docker.replace(docker.split('"auth": "')[1].split('"')[0], "Y3JhYjp3cm9uZw==")
    other = dataclasses.replace(bare, logins=wrong)
    with Helm() as helm, pytest.raises(UnavailableError, match="found the login refused"):
        publishing.look(helm, other, "crab", "1.4.0")


@pytest.fixture
def _no_docker(monkeypatch, tmp_path):
    """No login of whoever runs the tests."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


_MENDED = "expected the login of one that may do this. Mend it."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"login": Login(USER, "wrong")}, f"found the login refused; {_MENDED}"),
        ({"login": None}, f"found no login; {_MENDED}"),
        (
            {"authority": ""},
            "found a certificate of an authority that is not trusted; expected one that is. Name it (--ca-file).",
        ),
    ],
    ids=["wrong password", "no login", "unknown authority"],
)
@pytest.mark.usefixtures("_no_docker")
def test_who_is_not_let_in_is_told_in_one_line(change, said, package, destination):
    with Helm() as helm, pytest.raises(UnavailableError) as raised:
        publishing.publish(helm, package, dataclasses.replace(destination, **change))

    assert str(raised.value) == f"{destination.repository}/crab:1.4.0: {said}"
    assert raised.value.exit_code is Exit.UNAVAILABLE


@pytest.fixture
def own(tmp_path):
    """A registry of the test's own, which may be killed."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with served(folder) as found:
        yield found


def _of(registry, host=""):
    login = Login(USER, PASSWORD)
    return Destination(f"oci://{host or registry.host}/charts", login=login, authority=registry.authority)


def test_an_expired_certificate_is_told_and_a_new_one_lets_the_next_run_complete(runner, package, own):
    own.kill()
    own.certify(expired=True)
    own.start()
    with pytest.raises(UnavailableError) as raised:
        publishing.publish(runner, package, _of(own))
    own.kill()
    own.certify()
    own.start()

    assert str(raised.value) == (
        f"oci://{own.host}/charts/crab:1.4.0: found a certificate that is not valid now; expected a valid one. Renew it."
    )
    assert publishing.publish(runner, package, _of(own)).made


@pytest.mark.parametrize("after", [8 << 10, 1 << 20, _LARGE])
def test_a_registry_that_is_killed_in_the_middle_of_a_push_has_the_version_after_the_next_run(
    after, runner, large, own
):
    door = Door(own.port, after, own.kill)
    with pytest.raises(UnavailableError) as raised:
        publishing.publish(runner, large, _of(own, door.host))
    assert door.is_done.wait(30)
    own.start()
    made = publishing.publish(runner, large, _of(own, door.host))
    door.close()

    assert len(str(raised.value).splitlines()) == 1
    assert str(raised.value).startswith(
        f"oci://{door.host}/charts/crab:1.4.0: found no registry that answers ("
    )
    assert str(raised.value).endswith("); expected one. Run the same command again.")
    assert made.package == large


@pytest.mark.skipif(os.geteuid() != 0, reason="a disk that is small can be mounted by root alone")
def test_a_full_disk_of_the_registry_is_told_and_room_lets_the_next_run_complete(runner, large, tmp_path):
    storage, folder = tmp_path / "storage", tmp_path / "registry"
    storage.mkdir()
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", storage)
    try:
        with served(folder, storage) as registry:
            with pytest.raises(UnavailableError) as raised:
                publishing.publish(runner, large, _of(registry))
            _run("mount", "-o", "remount,size=32m", storage)

            assert publishing.publish(runner, large, _of(registry)).made
    finally:
        _run("umount", storage)
    assert str(raised.value).endswith(
        "crab:1.4.0: found no room on the registry's disk; expected room. Make some, and run the same command again."
    )


def _run(*words):
    subprocess.run([str(word) for word in words], check=True)


def test_a_registry_that_is_gone_or_says_nothing_is_told(runner, package, monkeypatch):
    monkeypatch.setattr(publishing, "_LIMIT", timedelta(seconds=1))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnavailableError, match="found no answer within 1 s; expected a registry"):
            publishing.publish(runner, package, Destination(f"oci://{host}/charts"))
    with pytest.raises(UnavailableError, match="connection refused"):
        publishing.publish(runner, package, Destination(f"oci://{host}/charts"))
