"""A registry of this machine: killed in the middle of a push, locked out, out of date, out of room, in the way."""

import json
import os
import socket
from datetime import UTC, datetime, timedelta

import pytest
import urllib3

from atoll.core import command, files, x509
from atoll.core.errors import IntegrityError
from atoll.core.x509 import Validity
from atoll.host import Ports, Supervisor
from atoll.registry.client import Client
from atoll.registry.local import launch
from atoll.registry.logins import Login
from conformance.registry.conftest import Oci
from harness import images
from harness.images import Pusher
from harness.waiting import until

_HALF = os.urandom(1 << 20)


def _back(registry):
    until(lambda: Client(registry.login()).lets_in(), "the registry answers again")


def _kept(registry):
    """All that it was told and keeps, but what was pushed."""
    paths = [registry.place.logins, registry.place.hashes, registry.place.settings, registry.place.uploads]
    pki = [registry.place.pki / f"{registry.place.process}.{end}" for end in ("crt", "key")]
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (*paths, *pki)}


def test_a_second_run_writes_nothing_and_restarts_nothing(own):
    before, process = _kept(own), own.process
    assert own.registry.stale() is None
    assert not own.registry.update().problems
    assert _kept(own) == before
    assert own.process == process


def test_a_push_goes_on_past_a_kill_in_its_middle(own):
    pusher, process = own.pusher, own.process
    where = pusher.begin("app")
    answer = pusher.pool.request("PATCH", where, body=_HALF)
    assert answer.status == 202

    process.kill()
    until(lambda: own.process not in (None, process), "another process")
    _back(own)

    # What was begun is finished where it stood, and a push from its beginning as well.
    content = _HALF * 2
    done = pusher.pool.request(
        "PUT", f"{answer.headers['Location']}&digest={images.digest(content)}", body=_HALF
    )
    assert done.status == 201, done.data
    digest = own.push("app", "1")
    assert own.pusher.pull("app", digest)
    assert own.holds("app") == [digest]


def test_what_was_pushed_is_there_after_a_stop_and_a_start(own):
    digest = own.push("app", "1")
    supervisor = Supervisor(own.environment)
    supervisor.stop()
    assert _kept(own)
    supervisor.start()
    _back(own)
    assert own.pusher.pull("app", digest)
    assert own.registry.stale() is None


def test_nobody_is_let_in_without_the_password_and_nobody_reads_it(own):
    right = own.login()
    for password in ("", "wrong", right.password[:-1]):
        wrong = Login(right.address, right.user, password, right.authority)
        assert not Client(wrong).lets_in()
        assert Pusher(wrong).status("/v2/app/tags/list") == 401
    assert Pusher(Login(right.address, "nobody", right.password, right.authority)).status("/v2/") == 401

    assert right.password not in json.dumps([own.registry.inputs, own.registry.outputs])
    process = own.process
    assert right.password not in " ".join([*process.cmdline(), *process.environ().values()])
    assert right.password not in (own.environment.logs / f"{own.place.process}.log").read_text()
    assert right.password not in own.place.hashes.read_text()
    for path in own.place.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_whoever_trusts_another_authority_does_not_talk_to_it(own):
    right = own.login()
    other = x509.authority("other").certificate.decode()
    with pytest.raises(urllib3.exceptions.SSLError):
        Pusher(Login(right.address, right.user, right.password, other)).status("/v2/")


def test_users_come_and_go_without_a_restart(own):
    process, first = own.process, own.login()
    own.registry.update(users=["atoll", "ci"])
    both = {each.user: each for each in launch.logins(own.place)}
    assert both["atoll"] == first
    assert both["ci"].password != first.password
    assert Client(both["ci"]).lets_in()

    own.registry.update(users=["ci"])

    until(lambda: not Client(first).lets_in(), "the former user is locked out")
    assert Client(both["ci"]).lets_in()
    assert own.process == process
    assert own.registry.refresh() == set()


@pytest.mark.parametrize("damage", ["", "garbage\n", "atoll:$2b$05$notahash\nintruder:x\n", None])
def test_a_damaged_list_of_users_is_found_and_put_back(own, damage):
    login = own.login()
    if damage is None:
        own.place.hashes.unlink()
    else:
        own.place.hashes.write_text(damage)
    assert own.registry.refresh() == {"users"}
    assert "logins" in own.registry.stale()

    assert not own.registry.update().problems

    assert Client(login).lets_in()
    assert own.registry.refresh() == set()
    assert own.registry.stale() is None


def test_a_lost_file_of_passwords_gives_new_ones_and_a_damaged_one_is_told(own):
    login = own.login()
    own.place.logins.write_text("{")
    with pytest.raises(IntegrityError, match=r"logins\.json: found no logins in it .* Remove the file"):
        own.registry.update()
    own.place.logins.unlink()
    assert own.registry.refresh() == {"users"}

    own.registry.update()

    assert own.login().password != login.password
    until(lambda: not Client(login).lets_in(), "the former password opens nothing")


@pytest.mark.parametrize("age", [timedelta(days=250), timedelta(days=400)])
def test_a_certificate_near_or_past_its_end_is_renewed_and_what_was_pushed_stays(own, age):
    digest = own.push("app", "1")
    own.age(age)
    assert "certificates near their end" in own.registry.stale()

    assert not own.registry.update().problems

    served = (own.place.pki / f"{own.place.process}.crt").read_bytes()
    assert Validity.of(served).end > datetime.now(UTC) + timedelta(days=360)
    assert own.pusher.pull("app", digest)
    assert own.registry.stale() is None


def test_a_process_that_ended_for_good_is_found_and_started(own):
    Supervisor(own.environment).remove([own.place.process])
    assert own.registry.stale()
    assert not own.registry.update().problems
    assert Client(own.login()).lets_in()


def test_a_port_that_another_program_took_is_told_in_one_line_and_the_next_run_goes_on(environment):
    port = Ports(environment).get("registry-blocked/https")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        registry = Oci.begun("blocked")
        (problem,) = registry.create().problems
        assert f"port {port}: found it taken by" in problem
        assert "\n" not in problem
    assert not registry.create().problems
    registry.inputs["forceDelete"] = True
    registry.delete()


@pytest.fixture
def small_disk(own):
    """The registry's storage on a file system of half a MiB, and what makes that larger."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", own.place.storage]
    if os.getuid() or command.run(mount, check=False).code:
        pytest.skip("no file system can be mounted here: that takes root")
    yield lambda: command.run(["mount", "-o", "remount,size=64m", own.place.storage])
    # It keeps the file of an upload open that failed.
    Supervisor(own.environment).remove([own.place.process])
    command.run(["umount", own.place.storage])


def test_a_full_disk_refuses_the_push_and_the_next_one_completes(own, small_disk):
    digest = own.push("app", "1")
    with pytest.raises(AssertionError, match="UNKNOWN"):
        own.pusher.push("big", "1", _HALF)
    log = (own.environment.logs / f"{own.place.process}.log").read_text()
    assert "no space left on device" in log
    assert own.pusher.pull("app", digest)

    small_disk()

    assert own.pusher.pull("big", own.pusher.push("big", "1", _HALF))


def test_it_is_not_removed_with_images_unless_that_was_said_and_leaves_nothing_then(environment):
    registry = Oci(environment, "leaving")
    registry.push("team/app", "1")
    with pytest.raises(
        Exception, match=r"registry leaving: found it with team/app@sha256:\w+ and 0 more; expected"
    ):
        registry.registry.delete()
    assert Client(registry.login()).lets_in()
    process = registry.process

    registry.registry.update(forceDelete=True)
    # As a removal that was killed in its middle: the folder is gone from its place.
    registry.place.folder.rename(registry.place.folder.with_name(".removed.leaving"))
    registry.registry.delete()

    assert not process.is_running()
    assert registry.registry.read() is None
    left = [str(path) for path in environment.folder.rglob("*leaving*")]
    assert left == []
    assert not any("leaving" in purpose for purpose in Ports(environment).known())
    registry.registry.delete()


def test_another_port_is_found_and_taken_up_by_registry_and_repositories(own):
    made = own.repository("app")
    made.create()
    ports = files.read_json(own.environment.folder / "ports.json")
    purpose = f"{own.place.process}/https"
    files.write_json(own.environment.folder / "ports.json", {**ports, purpose: ports[purpose] + 100})
    assert own.registry.stale()
    assert own.registry.effect.renews(own.registry.inputs, own.registry.outputs) == {"address"}
    assert made.stale()

    assert not own.registry.update().problems
    made.update()

    assert own.registry.outputs["address"].endswith(str(ports[purpose] + 100))
    assert made.outputs["uri"] == f"{own.registry.outputs['address']}/app"
    assert (own.registry.stale(), made.stale()) == (None, None)
