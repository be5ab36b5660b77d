import contextlib
import errno
import json
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from atoll import toolchain
from atoll.automation import age, archives, backup, restore, retention, sealing
from atoll.automation.command_line import app
from atoll.core import files
from atoll.core.errors import ArgsError, Exit, IntegrityError, LockedError, RefusedError, UnavailableError
from atoll.host import Environment, Ports, ports
from harness.processes import Told

OWN = {
    "state/.pulumi/stacks/atoll/e.json": "the state",
    "state/.pulumi/history/atoll/e/e-1.history.json": "what was done",
    "kms/keys.json": "the keys",
    "kms/credentials": "the login",
    "engine/plugins.json": "{}",
    "forgotten/gone": "{}",
    "something/nobody/knows": "of a later Atoll",
}
DERIVED = [
    "bin/pulumi",
    "logs/a.log",
    "engine/plugins/resource-atoll/launcher",
    "state/.pulumi/locks/organization/atoll/e/dead.json",
    "state/.pulumi/stacks/atoll/e.json.tmp",
    "kms/lock",
    "kms/.keys.json.x1",
    "supervisord.conf",
    "supervisor.lock",
    "events.1/events",
    "kubeconfigs/a.kubeconfig",
]


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.setattr(toolchain, "ensure", lambda **_: {})


@pytest.fixture
def home(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        monkeypatch.setenv("ATOLL_HOME", f"{folder}/home")
        monkeypatch.setenv("XDG_STATE_HOME", f"{folder}/state")
        yield Path(folder)


def _checkout(home, name):
    stacks = home / name / "stacks"
    stacks.mkdir(parents=True)
    (stacks.parent / "Pulumi.yaml").write_text("name: atoll\n")
    (stacks / "base.yaml").write_text("vars: {}\n")
    (stacks / "e.yaml").write_text("controlPlane: {driver: local}\n")
    return stacks.parent


@pytest.fixture
def environment(home):
    """An environment without clusters, of which nothing runs."""
    made = Environment.of(_checkout(home, "here"), "e")
    made.create()
    for name in (*OWN, *DERIVED):
        (made.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (made.folder / name).write_text(OWN.get(name, "derived"))
    (made.folder / "logs" / "link").symlink_to("/etc/passwd")
    _lock(made).write_text(json.dumps({"pid": 2**22 + 1, "hostname": socket.gethostname()}))
    made.stack_settings.write_text("encryptedkey: a\n")
    return made


@pytest.fixture
def there(home):
    """The environment's place in another checkout."""
    return Environment.of(_checkout(home, "there"), "e")


@pytest.fixture
def pair(tmp_path):
    made = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(str(made))
    return age.Recipients((str(made.to_public()),)), age.Identities(tmp_path / "identity")


@pytest.fixture
def kept(environment, pair, home):
    """A backup of the environment."""
    target = home / "kept.age"
    backup.backup(environment, target, pair[0], Told())
    return target


def _lock(environment):
    return environment.state / ".pulumi" / "locks" / "organization" / "atoll" / "e" / "dead.json"


def _tree(folder):
    """Every file under a folder with its mode and content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "holder.json"
    }


def test_a_backup_has_all_that_an_environment_is_and_nothing_that_is_made_anew(environment, pair, home):
    told = Told()

    report = backup.backup(environment, home / "kept.age", pair[0], told)

    with (home / "kept.age").open("rb") as stream:
        manifest = pair[1].open(stream, lambda plain: archives.unpack(plain, home / "to"))
    names = {f"environment/{name}" for name in OWN}
    assert set(manifest.files) == names | {"stacks/base.yaml", "stacks/e.yaml", "stacks/Pulumi.e.yaml"}
    assert report.files == len(manifest.files)
    assert (manifest.project, manifest.environment) == ("atoll", "e")
    assert (home / "kept.age").stat().st_mode & 0o777 == 0o600
    assert not list(environment.folder.glob(".*"))
    assert [path.name for path in home.iterdir() if path.name.startswith(".")] == []
    assert "10 files in" in told.lines[0]


def test_a_backup_shows_nothing_of_what_is_in_it(kept):
    assert not any(text.encode() in kept.read_bytes() for text in OWN.values() if len(text) > 5)


def test_a_file_that_is_there_is_replaced_only_when_that_was_asked_for(environment, pair, kept):
    before = kept.read_bytes()
    with pytest.raises(
        RefusedError, match=r"kept.age: found a file; expected none. Name another one, or add --force"
    ):
        backup.backup(environment, kept, pair[0], Told())
    assert kept.read_bytes() == before

    backup.backup(environment, kept, pair[0], Told(), force=True)

    assert kept.read_bytes() != before


def test_a_place_that_cannot_be_is_told_before_anything_is_done(environment, pair, home):
    for place in (environment.folder / "a", home / "nowhere" / "a", home):
        with pytest.raises(
            ArgsError, match=r"found (a place in the environment's own folder|no place for a file)"
        ):
            backup.backup(environment, place, pair[0], Told(), force=True)
    assert not (environment.folder / "a").exists()


def test_there_is_no_backup_of_what_never_was(there, pair, home):
    with pytest.raises(UnavailableError, match="environment e: found none"):
        backup.backup(there, home / "a", pair[0], Told())
    assert not there.folder.parent.exists()


def test_nothing_is_copied_while_an_engine_writes_the_state(environment, pair, home):
    _lock(environment).write_text(json.dumps({"pid": 1, "hostname": "elsewhere"}))
    with pytest.raises(LockedError, match=r"found pulumi at work \(pid 1 on elsewhere"):
        backup.backup(environment, home / "a", pair[0], Told())
    with environment.locked("up"), pytest.raises(LockedError, match="found `atoll up` at work"):
        backup.backup(environment, home / "a", pair[0], Told())
    assert not (home / "a").exists()


def _full(*_arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["copying", "writing"])
def test_a_backup_that_fails_leaves_no_part_of_it(environment, pair, home, monkeypatch, where):
    (home / "out").mkdir()
    before = _tree(environment.folder)
    if where == "copying":
        monkeypatch.setattr(shutil, "copyfile", _full)
    else:
        monkeypatch.setattr(archives, "pack", _full)
    with pytest.raises(OSError, match="No space left"):
        backup.backup(environment, home / "out" / "a", pair[0], Told())

    assert list((home / "out").iterdir()) == []
    after = _tree(environment.folder)
    assert {name: after[name] for name in OWN} == {name: before[name] for name in OWN}
    assert not list(environment.folder.glob(f"{retention.COPIES}*"))


def test_what_a_killed_backup_copied_is_removed_by_the_next_command(environment, pair, home):
    left = environment.folder / f"{retention.COPIES}x1"
    left.mkdir()
    (left / "keys.json").write_text("the keys")

    backup.backup(environment, home / "a", pair[0], Told())

    assert not left.exists()


def test_a_restored_environment_has_all_that_it_had(kept, pair, there):
    told = Told()

    report = restore.restore(there, kept, pair[1], told)

    assert there.exists
    found = _tree(there.folder)
    assert {name: found[name][1].decode() for name in OWN} == OWN
    assert all(found[name][0] == 0o600 for name in OWN)
    assert all(
        path.stat().st_mode & 0o777 == 0o700
        for path in (there.folder, *there.folder.rglob("*"))
        if path.is_dir()
    )
    assert not any(name in found for name in DERIVED)
    assert files.read_json(there.folder / "environment.json") == {"project": str(there.project), "name": "e"}
    assert there.stack_settings.read_text() == "encryptedkey: a\n"
    assert [path.name for path in there.folder.parent.iterdir()] == ["e"]
    assert (report.files, report.ports, report.differing) == (10, True, [])
    assert told.lines[-1].endswith("Run: atoll up e")


def test_the_same_place_is_taken_only_when_that_was_asked_for(environment, kept, pair):
    (environment.folder / "kms" / "keys.json").write_text("other keys")
    (environment.folder / "kms" / "later").write_text("came after the backup")
    with pytest.raises(
        RefusedError, match=r"found it on this machine; .* Run: atoll down e, or add --replace"
    ):
        restore.restore(environment, kept, pair[1], Told())
    assert (environment.folder / "kms" / "later").exists()

    restore.restore(environment, kept, pair[1], Told(), over=True)

    assert (environment.folder / "kms" / "keys.json").read_text() == "the keys"
    assert not (environment.folder / "kms" / "later").exists()
    assert [path.name for path in environment.folder.parent.iterdir()] == ["e"]


def _spoil(kept, way):
    content = kept.read_bytes()
    if way == "cut off":
        kept.write_bytes(content[: len(content) // 2])
    elif way == "flipped":
        kept.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
    elif way == "no backup":
        kept.write_text("something else")
    else:
        kept.unlink()


_ANSWERS = {
    "cut off": "found a file that does not open",
    "flipped": "found a file that does not open",
    "no backup": "found no file that age encrypted",
    "not there": "found no file",
}


@pytest.mark.parametrize("way", _ANSWERS)
@pytest.mark.parametrize("place", ["there", "environment"])
def test_a_file_that_is_damaged_is_refused_and_nothing_is_changed(kept, pair, way, place, request):
    _spoil(kept, way)
    here, target = request.getfixturevalue("environment"), request.getfixturevalue(place)
    before = _tree(target.project), _tree(here.folder)

    with pytest.raises((IntegrityError, ArgsError), match=f"kept[.]age: {_ANSWERS[way]}"):
        restore.restore(target, kept, pair[1], Told(), over=target == here)

    assert (_tree(target.project), _tree(here.folder)) == before
    assert [path.name for path in here.folder.parent.parent.iterdir()] == [here.folder.parent.name]
    assert not list(here.folder.parent.glob(".*"))
    assert list((Path(os.environ["XDG_STATE_HOME"]) / "atoll").glob("ports/[0-9]*")) == []


def test_who_has_another_key_gets_nothing(kept, there, tmp_path):
    (tmp_path / "other").write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(IntegrityError, match="found a file that does not open"):
        restore.restore(there, kept, age.Identities(tmp_path / "other"), Told())
    assert not there.folder.parent.exists()


def test_an_environment_is_restored_under_its_own_name(home, kept, pair):
    other = Environment.of(home / "here", "other")
    with pytest.raises(
        RefusedError, match=r"found a backup of environment 'e' of 'atoll'; .* Run: atoll restore e "
    ):
        restore.restore(other, kept, pair[1], Told())
    assert not other.folder.exists()


def test_a_full_disk_leaves_nothing_behind(kept, pair, there, monkeypatch):
    monkeypatch.setattr(archives, "_write", _full)
    with pytest.raises(OSError, match="No space left"):
        restore.restore(there, kept, pair[1], Told())
    assert not there.folder.parent.exists()


def test_what_cannot_take_the_place_leaves_there_what_was(environment, kept, pair, monkeypatch):
    (environment.folder / "kms" / "later").write_text("came after the backup")
    rename, calls = Path.rename, []

    def second_fails(self, target):
        calls.append(self)
        return _full() if len(calls) == 2 else rename(self, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(OSError, match="No space left"):
        restore.restore(environment, kept, pair[1], Told(), over=True)
    assert (environment.folder / "kms" / "later").exists()


def test_what_killed_restores_left_is_removed_by_the_next_and_by_the_end(kept, pair, there):
    left = there.beside("restore")
    (left / "keys.json").write_text("the keys")
    restore.restore(there, kept, pair[1], Told())
    assert not left.exists()
    again = there.beside("restore")

    there.remove()

    assert not again.exists()


def test_an_inventory_that_is_there_stays_and_is_told_where_it_differs(kept, pair, there):
    (there.project / "stacks" / "base.yaml").write_text("vars: {a: b}\n")
    (there.project / "stacks" / "e.yaml").unlink()
    told = Told()

    report = restore.restore(there, kept, pair[1], told)

    assert report.differing == ["stacks/base.yaml"]
    assert (there.project / "stacks" / "base.yaml").read_text() == "vars: {a: b}\n"
    assert (there.project / "stacks" / "e.yaml").read_text() == "controlPlane: {driver: local}\n"
    assert "found other than it was then" in told.problems[0].text


_BLOCK = ports.FIRST + 45 * ports.BLOCK
"""One that environments of this machine come to last."""


def _taken(environment, known):
    return Ports(environment).take_over(known)


def test_ports_are_those_that_they_were_where_nobody_has_them(there):
    known = {"a/etcd": _BLOCK + 1, "kms": _BLOCK + 7}
    there.create()

    assert _taken(there, known) == known
    assert Ports(there)._base() == _BLOCK
    assert _taken(there, {}) == {}


@pytest.mark.parametrize("by", ["a program", "an environment"])
def test_ports_that_are_taken_become_others_in_the_same_order(there, environment, by):
    known = {"a/etcd": _BLOCK + 1, "kms": _BLOCK + 7}
    there.create()
    with contextlib.ExitStack() as stack:
        if by == "a program":
            stack.enter_context(socket.create_server(("127.0.0.1", known["kms"])))
        else:
            assert _taken(environment, known) == known
        moved = _taken(there, known)

    assert moved["kms"] - moved["a/etcd"] == 6
    assert moved["a/etcd"] - Ports(there)._base() == 1
    assert moved != known


@pytest.mark.parametrize(
    "known", [{"a": 80}, {"a": ports.FIRST, "b": ports.FIRST + ports.BLOCK}, {"a": 65535}]
)
def test_ports_that_no_environment_can_have_are_refused(there, known):
    with pytest.raises(IntegrityError, match="expected those of one block"):
        _taken(there, known)


def _run(monkeypatch, folder, *words):
    monkeypatch.chdir(folder)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_commands_answer_in_json_and_take_secrets_from_files_alone(
    environment, there, home, monkeypatch, pair
):
    out = home / "a.age"
    made = _run(
        monkeypatch,
        environment.project,
        "backup",
        "e",
        "--out",
        out,
        "--recipient",
        pair[0].keys[0],
        "--json",
    )
    back = _run(monkeypatch, there.project, "restore", "e", out, "--identity", pair[1].path, "--json")

    assert (made.exit_code, back.exit_code) == (Exit.DONE, Exit.DONE)
    assert json.loads(made.stdout)["file"] == str(out)
    assert json.loads(back.stdout) == {
        "environment": "e",
        "created": json.loads(made.stdout)["created"],
        "files": 10,
        "ports": True,
        "clusters": [],
        "differing": [],
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("backup", "e", "--out", "a"), "found no terminal to ask at"),
        (("restore", "e", "a"), "found no terminal to ask at"),
        (
            ("backup", "e", "--out", "a", "--recipient", "age1x", "--passphrase-file", "b"),
            "expected one of them",
        ),
        (("restore", "e", "a", "--identity", "b", "--passphrase-file", "b"), "expected one of them"),
        (("backup", "e", "--out", "a", "--recipient", "age1x"), "found 'age1x'"),
    ],
)
def test_commands_that_do_not_fit_are_refused(environment, monkeypatch, words, told):
    done = _run(monkeypatch, environment.project, *words)

    assert isinstance(done.exception, ArgsError)
    assert told in str(done.exception)


def test_the_name_of_the_project_is_that_of_pulumi():
    assert sealing.PROJECT == "atoll"
