"""What the machine does to a run: one clear line, the state as it was, and the next run right."""

import contextlib
import os
import socket
import subprocess

import pytest

from atoll.core.errors import Exit
from atoll.host import Ports
from e2e import looking
from e2e.checkout import Checkout
from harness.waiting import until

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the small file system"),
]
STANDING, PASSING = "test-4", "test-5"
FULL = "no space left on device"


def _mount(*words):
    subprocess.run(["mount", *(str(word) for word in words)], check=True, capture_output=True)  # noqa: S607 - the system's


def _unmount(folder, *options):
    subprocess.run(["umount", *options, str(folder)], check=True, capture_output=True)  # noqa: S607 - the system's


@pytest.fixture(scope="module")
def ground(checkout, tmp_path_factory):
    """The same checkout with its environments on a disk of their own: (checkout, mount point)."""
    disk = tmp_path_factory.mktemp("d", numbered=False)
    _mount("-t", "tmpfs", "-o", "size=4g", "none", disk)
    try:
        made = Checkout(checkout.folder, disk / "h")
        made.home.mkdir()
        yield made, disk
        for name in (STANDING, PASSING):
            made.atoll("down", name, "--force", code=None)
    finally:
        _unmount(disk, "--lazy")


@pytest.fixture(scope="module")
def standing(ground):
    """An environment on that disk, brought up once: (checkout, mount point)."""
    ground[0].report("up", STANDING)
    return ground


def _shrunk(disk):
    """Whether the disk could be made as small as what is used of it: somebody may write just then."""
    found = os.statvfs(disk)
    # A size of nothing would mean one without bounds.
    used = max(found.f_blocks - found.f_bfree, 1) * found.f_frsize
    try:
        _mount("-o", f"remount,size={used}", disk)
    except subprocess.CalledProcessError:
        return False
    return True


@contextlib.contextmanager
def full(disk):
    """A disk without a free byte: it shrinks to what is used of it."""
    until(lambda: _shrunk(disk), "the disk is full")
    try:
        yield
    finally:
        _mount("-o", "remount,size=4g", disk)


@contextlib.contextmanager
def read_only(folder):
    """A folder that even root cannot write."""
    _mount("--bind", folder, folder)
    try:
        _mount("-o", "remount,bind,ro", folder)
        yield
    finally:
        _unmount(folder)


def _line(done):
    """The one line that a refused command says."""
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def _limited(checkout, *words, code):
    return checkout.run(["prlimit", "--nofile=200:200", checkout.command, *words], code=code)


def test_nothing_is_begun_on_a_full_disk_in_a_read_only_folder_or_with_few_files(ground):
    checkout, disk = ground
    with full(disk):
        assert FULL in _line(checkout.atoll("up", PASSING, code=Exit.UNAVAILABLE))
    with read_only(checkout.home):
        assert "found read-only file system; expected a place that can be read and written" in _line(
            checkout.atoll("up", PASSING, code=Exit.UNAVAILABLE)
        )
    assert "found a limit of 200; expected 1024" in _line(
        _limited(checkout, "up", PASSING, code=Exit.UNAVAILABLE)
    )
    with read_only(checkout.folder):
        said = checkout.atoll("up", PASSING, code=Exit.UNAVAILABLE).stderr
    assert len(said.splitlines()) == 1
    assert "stacks: found a folder that cannot be written" in said


def test_a_disk_that_fills_up_in_the_middle_is_told_the_next_run_is_right_and_a_full_one_is_freed(ground):
    checkout, disk = ground
    run = checkout.start("up", PASSING)
    until(
        lambda: list(checkout.home.glob(f"*/{PASSING}/clusters/tern/pki/admin.kubeconfig")),
        "it is begun",
        120,
    )
    with full(disk):
        said = run.communicate()[0]
    assert run.returncode in (Exit.FAILED, Exit.UNAVAILABLE), said
    assert FULL in said
    assert "Traceback" not in said

    report = checkout.report("up", PASSING)
    again = checkout.report("up", PASSING)
    folder = checkout.environment(PASSING).folder
    with full(disk):
        checkout.atoll("down", PASSING)

    assert report["exit"] == Exit.DONE
    assert again["changes"] == []
    assert not folder.exists()
    assert looking.processes(folder) == []


def test_a_disk_that_fills_up_under_an_environment_costs_nothing_that_was_written(standing):
    checkout, disk = standing
    api = checkout.api(STANDING, "tern")
    uid = looking.deployment(checkout, STANDING, "tern")["metadata"]["uid"]
    with full(disk):
        refused = checkout.atoll("up", STANDING, code=None)
        assert refused.returncode in (Exit.FAILED, Exit.UNAVAILABLE), refused.stdout
        assert FULL in refused.stdout + refused.stderr
        assert "Traceback" not in refused.stdout + refused.stderr
        checkout.atoll("status", STANDING, code=None)

    until(lambda: checkout.atoll("up", STANDING, code=None).returncode == Exit.DONE, "all is well", 200)
    assert looking.deployment(checkout, STANDING, "tern")["metadata"]["uid"] == uid
    assert api.healthy()
    assert checkout.report("up", STANDING)["changes"] == []


def test_few_open_files_do_for_what_runs_already(standing):
    checkout, _ = standing
    _limited(checkout, "up", STANDING, code=Exit.DONE)


def test_a_port_that_another_program_took_meanwhile_is_told_with_its_name(standing):
    checkout, _ = standing
    checkout.atoll("stop", STANDING)
    port = Ports(checkout.environment(STANDING)).get("tern/etcd")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        said = checkout.atoll("up", STANDING, code=Exit.UNAVAILABLE)
        named = f"(pid {os.getpid()}); expected it free for tern.etcd"
        assert f"port {port}: found it taken by " in said.stderr
        assert named in said.stderr

    until(lambda: checkout.report("up", STANDING, code=None)["exit"] == Exit.DONE, "all is well", 200)
    assert checkout.report("up", STANDING)["changes"] == []
