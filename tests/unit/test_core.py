import os
import stat
import threading
import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import command, files, naming, redaction, x509
from atoll.core.errors import CommandError, UnavailableError
from atoll.core.x509 import Subject


def test_a_file_is_written_for_its_owner_alone_and_only_when_it_changes(tmp_path):
    path = tmp_path / "secret"

    assert files.write(path, "one") is True
    assert files.write(path, "one") is False
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files.write(path, "one", 0o644) is True
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    files.write(path, "old")
    monkeypatch.setattr(os, "fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "No space left")))

    with pytest.raises(OSError, match="No space"):
        files.write(path, "new")

    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_a_lock_is_held_against_others_and_free_after(tmp_path):
    with files.locked(tmp_path / "lock") as first, files.locked(tmp_path / "lock", wait=False) as second:
        assert (first, second) == (True, False)
    with files.locked(tmp_path / "lock", wait=False) as third:
        assert third is True


def test_a_lock_that_its_holder_removed_is_taken_anew_by_who_waited(tmp_path):
    path = tmp_path / "folder" / "lock"
    waited = threading.Event()

    def wait():
        with files.locked(path):
            assert path.exists()
            waited.set()

    with files.locked(path):
        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.1)
        path.unlink()
        path.parent.rmdir()
    waiter.join(10)

    assert waited.is_set()


def test_a_missing_program_is_named_with_the_step_that_brings_it():
    with pytest.raises(UnavailableError, match="no-such-program: no such program"):
        command.run(["no-such-program"])


def test_a_failing_program_is_told_with_its_last_line_and_without_secrets():
    script = "echo first >&2; echo Authorization: Bearer abcdefghijklmnop >&2; exit 3"

    with pytest.raises(CommandError) as raised:
        command.run(["sh", "-c", script, "password=hunter2"])

    assert raised.value.code == 3
    assert str(raised.value) == "sh: exit code 3; expected 0: Authorization: Bearer [redacted]"
    assert "hunter2" not in " ".join(raised.value.argv)


def test_a_program_that_takes_too_long_is_ended():
    with pytest.raises(CommandError, match="no end within"):
        command.run(["sleep", "20"], timeout=timedelta(seconds=0.1))


def test_a_program_that_begins_to_read_late_gets_all_of_its_input():
    # More than a pipe holds, after more than a moment.
    done = command.run(["sh", "-c", "sleep 1.5; wc -c"], stdin="x" * 1_000_000, timeout=timedelta(seconds=10))

    assert done.stdout.strip() == "1000000"


def test_a_program_that_is_cancelled_is_asked_to_end_and_says_its_last_words(tmp_path):
    class Asked(threading.Event):
        def is_set(self):
            return (tmp_path / "ready").exists()

    script = f"trap 'echo ended; exit 3' INT; cat; touch {tmp_path}/ready; while true; do sleep 0.01; done"
    argv, limit = ["sh", "-c", script], timedelta(seconds=20)

    done = command.run_until(Asked(), argv, env={"PATH": os.defpath}, stdin="begun\n", timeout=limit)

    assert (done.code, done.stdout) == (3, "begun\nended\n")


def test_a_program_that_may_be_cancelled_has_a_time_limit_too():
    with pytest.raises(CommandError, match="no end within"):
        command.run_until(
            threading.Event(), ["sleep", "20"], env={"PATH": os.defpath}, timeout=timedelta(seconds=0.1)
        )


def test_a_group_is_stopped_with_its_children(tmp_path):
    heard: list[str] = []
    group = command.Group(
        ["sh", "-c", "sleep 60 & echo $!; wait"], env=dict(os.environ), cwd=tmp_path, on_line=heard.append
    )
    reader = threading.Thread(target=group.wait)
    reader.start()
    while not heard:
        time.sleep(0.01)
    child = psutil.Process(int(heard[0]))

    group.stop(timedelta(seconds=1))

    reader.join()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@given(st.text(alphabet="abcdefgh0123456789", min_size=8, max_size=40))
def test_no_token_passes_the_filter(token):
    assert token not in redaction.redact(f"Authorization: Bearer {token} and password={token}")


def test_private_keys_do_not_pass_the_filter_even_when_cut_off():
    key = x509.service_account_key().decode()

    assert "BEGIN" not in redaction.redact(f"before {key} after")
    assert redaction.redact(key[:200]) == redaction.HIDDEN


@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True))
def test_dns_labels_are_taken(name):
    assert naming.dns_label_problem(name) is None


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a.b", "a" * 64, "ü", "a\n"])
def test_other_names_are_told_what_is_wrong(name):
    assert naming.dns_label_problem(name)


def test_a_leaf_fits_its_authority_and_subject_only():
    ours, theirs = x509.authority("ours"), x509.authority("theirs")
    subject = Subject("server", ("group",), ("127.0.0.1", "localhost"))
    leaf = x509.leaf(ours, subject)

    assert x509.fits(leaf, ours, subject)
    assert not x509.fits(leaf, theirs, subject)
    assert not x509.fits(leaf, ours, Subject("server", ("group",), ("localhost",)))
    assert not x509.fits(leaf, ours, Subject("other", ("group",), ("127.0.0.1", "localhost")))


def test_a_leaf_no_longer_fits_when_less_than_a_third_of_its_life_is_left():
    ours, subject = x509.authority("ours"), Subject("client")
    leaf = x509.leaf(ours, subject)

    assert x509.fits(leaf, ours, subject, datetime.now(UTC) + x509.LEAF_LIFE * 0.6)
    assert not x509.fits(leaf, ours, subject, datetime.now(UTC) + x509.LEAF_LIFE * 0.7)


@pytest.mark.parametrize(("before", "after"), [(0, 0o022), (0o077, 0o077), (0o002, 0o022)])
def test_nobody_else_may_write_what_is_made_from_then_on(before, after):
    found = os.umask(before)
    try:
        files.refuse_other_writers()
        assert os.umask(0) == after
    finally:
        os.umask(found)
