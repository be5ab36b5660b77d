"""The real age opens what is closed here, and the reverse."""

import io
import os
import pty
import random

import pyrage
import pytest

from atoll import toolchain
from atoll.automation import age
from atoll.core import command
from atoll.core.errors import IntegrityError

PLAIN = random.Random(0).randbytes(3_000_000)
WORDS = "a passphrase that is long enough"


@pytest.fixture(scope="module")
def program():
    return str(toolchain.ensure(["age"])["age"])


@pytest.fixture
def identity(tmp_path):
    made = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(str(made))
    return made


def _closed(lock):
    target = io.BytesIO()
    lock.close(lambda plain: plain.write(PLAIN), target)
    return target.getvalue()


def _at_a_terminal(argv, lines):
    """Runs a program that asks at its terminal, with the answers; returns its exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(argv[0], argv)  # noqa: S606 - a program and its arguments, no shell
    with open(terminal, "r+b", buffering=0) as asks:  # noqa: PTH123 - a descriptor
        for line in lines:
            seen = b""
            while b":" not in seen:
                seen += asks.read(1)
            asks.write(line.encode() + b"\n")
        try:
            while asks.read(1):
                pass
        except OSError:
            # How a terminal tells that nobody is there any more.
            pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_what_is_closed_for_a_recipient_age_opens(program, identity, tmp_path):
    (tmp_path / "closed").write_bytes(_closed(age.Recipients((str(identity.to_public()),))))

    command.run([program, "-d", "-i", tmp_path / "identity", "-o", tmp_path / "plain", tmp_path / "closed"])

    assert (tmp_path / "plain").read_bytes() == PLAIN


def test_what_age_closed_for_a_recipient_opens_here(program, identity, tmp_path):
    (tmp_path / "plain").write_bytes(PLAIN)
    command.run([program, "-r", str(identity.to_public()), "-o", tmp_path / "closed", tmp_path / "plain"])

    with (tmp_path / "closed").open("rb") as stream:
        assert age.Identities(tmp_path / "identity").open(stream, lambda plain: plain.read()) == PLAIN


def test_what_a_passphrase_closed_it_alone_opens_here_and_with_age(program, tmp_path):
    closed = _closed(age.Passphrase(WORDS))
    (tmp_path / "closed").write_bytes(closed)

    assert age.Passphrase(WORDS).open(io.BytesIO(closed), lambda plain: plain.read()) == PLAIN
    with pytest.raises(IntegrityError, match="found a file that does not open"):
        age.Passphrase(WORDS + "!").open(io.BytesIO(closed), lambda plain: plain.read())
    argv = [program, "-d", "-o", str(tmp_path / "plain"), str(tmp_path / "closed")]
    assert _at_a_terminal(argv, [WORDS]) == 0
    assert (tmp_path / "plain").read_bytes() == PLAIN


def test_what_age_closed_by_a_passphrase_opens_here(program, tmp_path):
    (tmp_path / "plain").write_bytes(PLAIN)
    argv = [program, "-p", "-o", str(tmp_path / "closed"), str(tmp_path / "plain")]
    assert _at_a_terminal(argv, [WORDS, WORDS]) == 0

    with (tmp_path / "closed").open("rb") as stream:
        assert age.Passphrase(WORDS).open(stream, lambda plain: plain.read()) == PLAIN
