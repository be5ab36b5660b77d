"""`atoll secrets seal | open | rewrap`: files are whole or not there, and a value is in no argument."""

import base64
import io
import json
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from atoll.automation import custody, words
from atoll.automation.envelopes import Desk
from atoll.automation.secrets import app
from atoll.automation.show import Screen
from atoll.core import command
from atoll.core.errors import ArgsError, IntegrityError
from atoll.host import Environment
from atoll.secrets import kms
from atoll.secrets.message import Context
from harness import keys

PROJECT = Path(__file__).parents[2]
LARGE = bytes(range(256)) * 8 * 1024
ALIAS = "alias/atoll-dev"


def test_no_command_waits_for_the_library_of_programs_or_of_clouds():
    seen = "import sys; from atoll.automation import command_line; print({*sys.modules} & {'boto3', 'grpc', 'pulumi'})"
    assert command.run([sys.executable, "-c", seen]).stdout == "set()\n"


@pytest.fixture(scope="module")
def access():
    with keys.played() as found:
        kms.client(found).create_alias(AliasName=ALIAS, TargetKeyId=keys.made(found).arn)
        yield found


@pytest.fixture(autouse=True)
def _kept(access, monkeypatch):
    """The KMS of the environment is the one that is played."""
    monkeypatch.setattr(custody, "ready", lambda *_words: custody.Custody(ALIAS, access))
    monkeypatch.setattr(words, "project", lambda: PROJECT)


@pytest.fixture
def desk():
    return Desk(Environment.of(PROJECT, "dev"), Screen(quiet=True))


def _run(*argv, code=0, **more):
    done = CliRunner().invoke(app, [str(word) for word in argv], **more)
    assert done.exit_code == code, (done.output, done.exception)
    return done


def _file(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_value_becomes_a_line_that_opens_for_its_name(tmp_path):
    line = _run("seal", "dev", "harbour/token", input=b"s3cret").stdout
    sealed = _file(tmp_path, "sealed", line.encode())

    assert len(line.splitlines()) == 1
    assert base64.b64decode(line)[:1] == b"\x02"
    assert _run("open", "dev", "harbour/token", sealed).stdout_bytes == b"s3cret"


def test_the_report_for_programs_tells_name_key_and_text(access):
    report = json.loads(_run("seal", "dev", "token", "--json", input=b"s3cret").stdout)
    key = kms.client(access).describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"]

    assert report.pop("text").startswith("AgR4")
    assert report == {"project": "atoll", "environment": "dev", "name": "token", "key": key}


def test_a_large_file_becomes_a_file_that_its_owner_alone_can_read(tmp_path):
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    plain.write_bytes(LARGE)

    report = json.loads(_run("seal", "dev", "large", plain, "--out", sealed, "--json").stdout)
    _run("open", "dev", "large", sealed, "--out", opened)

    assert report["file"] == str(sealed)
    assert opened.read_bytes() == LARGE
    assert [path.stat().st_mode & 0o777 for path in (sealed, opened)] == [0o600, 0o600]


def test_bytes_go_through_the_pipe(tmp_path):
    sealed = _file(tmp_path, "sealed", _run("seal", "dev", "large", "--out", "-", input=LARGE).stdout_bytes)

    assert sealed.read_bytes()[:1] == b"\x02"
    assert _run("open", "dev", "large", sealed).stdout_bytes == LARGE


def test_a_terminal_asks_for_the_value_and_shows_none(desk, monkeypatch, tmp_path):
    terminal = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "s3cret" if "not shown" in prompt else "")

    sealed = _file(tmp_path, "sealed", desk.seal("token", "-")["text"].encode())
    desk.open("token", str(sealed), tmp_path / "opened")

    assert (tmp_path / "opened").read_text() == "s3cret"


@pytest.mark.parametrize("out", [True, False])
def test_what_does_not_open_leaves_the_old_file_and_nothing_else(desk, tmp_path, out):
    plain = _file(tmp_path, "plain", LARGE)
    sealed = tmp_path / "sealed"
    if out:
        desk.seal_file("token", str(plain), sealed)
        _file(tmp_path, "sealed", sealed.read_bytes()[:-1])
    else:
        _file(tmp_path, "sealed", desk.seal("other", str(_file(tmp_path, "short", b"x")))["text"].encode())
    there = sorted(tmp_path.iterdir())

    with pytest.raises(IntegrityError, match="atoll/dev/token: found a message that does not open"):
        desk.open("token", str(sealed), plain)

    assert sorted(tmp_path.iterdir()) == there
    assert plain.read_bytes() == LARGE


def test_to_rewrap_keeps_name_form_mode_and_links(desk, tmp_path):
    plain = _file(tmp_path, "plain", LARGE)
    large, line, link = (tmp_path / name for name in ("large", "line", "link"))
    desk.seal_file("large", str(plain), large)
    line.write_text(desk.seal("short", str(_file(tmp_path, "value", b"x")))["text"])
    link.symlink_to(line)
    line.chmod(0o644)
    before = large.read_bytes(), line.read_text()

    reports = json.loads(_run("rewrap", "dev", large, link, "--json").stdout)

    assert [each["name"] for each in reports] == ["large", "short"]
    assert link.is_symlink()
    assert (line.stat().st_mode & 0o777, large.stat().st_mode & 0o777) == (0o644, 0o600)
    assert large.read_bytes() != before[0]
    assert line.read_text() != before[1]
    assert _run("open", "dev", "large", large).stdout_bytes == LARGE
    assert _run("open", "dev", "short", link).stdout_bytes == b"x"


def test_to_rewrap_moves_to_another_key(access, desk, tmp_path):
    sealed, new = tmp_path / "sealed", keys.made(access)
    desk.seal_file("large", str(_file(tmp_path, "plain", LARGE)), sealed)

    _run("rewrap", "dev", sealed, "--from", ALIAS, "--key", new.arn)

    opened = io.BytesIO()
    new.open(Context("atoll", "dev", "large"), io.BytesIO(sealed.read_bytes()), opened)
    assert opened.getvalue() == LARGE
    assert _run("open", "dev", "large", sealed, "--key", new.arn).stdout_bytes == LARGE
    assert isinstance(_run("open", "dev", "large", sealed, code=1).exception, IntegrityError)


@pytest.mark.parametrize("form", ["text", "file"])
def test_what_cannot_be_rewrapped_stays_and_is_named(desk, tmp_path, form):
    short = _file(tmp_path, "short", b"x")
    path = tmp_path / "sealed"
    if form == "text":
        path.write_text(desk.seal("token", str(short))["text"][:-8])
    else:
        desk.seal_file("token", str(short), path)
        path.write_bytes(path.read_bytes()[:-1])
    before = path.read_bytes()

    with pytest.raises(IntegrityError, match=f"^{path}: atoll/dev: found a message that does not open"):
        list(desk.rewrap([path], ""))

    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path, short]


@pytest.mark.parametrize(
    "argv",
    [
        ("seal", "dev", "token", "--out", "-", "--json"),
        ("open", "dev", "token", "sealed", "--json"),
        ("open", "dev", "token", "nowhere"),
        ("seal", "dev", "to ken"),
    ],
)
def test_words_that_do_not_fit_are_refused(argv):
    assert isinstance(_run(*argv, code=1, input=b"x").exception, ArgsError)


def test_no_command_takes_a_value_as_an_argument():
    group = typer.main.get_command(app)
    named = {
        parameter.name
        for command in group.commands.values()  # type: ignore[attr-defined]  # a group's
        for parameter in command.params
    }

    assert named == {"env", "name", "source", "out", "key", "as_json", "paths", "old", "resume", "clusters"}
