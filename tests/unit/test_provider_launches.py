"""Launches of plugins that share a server, each by a launcher as the engine starts it."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import grpc
import psutil
import pytest
from google.protobuf import empty_pb2

from atoll.provider import launcher, plugins, protocol, server, sharing
from atoll.provider.plugin import Plugin
from harness.launches import ARGV, PLUGIN, Launch, launched, servers_of
from harness.waiting import until


@pytest.fixture
def servers(tmp_path):
    # Deep on purpose: a socket's path by itself may have 107 bytes.
    folder = tmp_path / ("deep" * 20) / plugins.SERVERS
    yield folder
    plugins.release(folder.parent)
    assert not servers_of(folder)


def test_launches_at_once_share_one_server_and_end_one_by_one(servers):
    launches = [Launch(servers) for _ in range(3)]
    ports = [launch.port() for launch in launches]

    assert len(set(ports)) == 3
    assert len(servers_of(servers)) == 1
    assert servers.stat().st_mode & 0o777 == 0o700
    assert all(launch.answers() for launch in launches)
    assert launches[0].end(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not launches[0].listens())
    assert launches[1].answers()
    assert launches[1].end(signal.SIGINT) == 0
    assert launches[2].end(signal.SIGTERM) == 0
    for launch in launches:
        launch.process.communicate()


def test_a_server_that_dies_takes_its_launches_along_and_the_next_launch_starts_another(servers):
    with launched(servers) as launch:
        (server,) = servers_of(servers)
        server.kill()

        _, error = launch.process.communicate(timeout=5)
        assert launch.process.returncode == 1
        assert "found its server dead" in error

    with launched(servers) as launch:
        assert launch.answers()


def test_what_cannot_be_served_is_said_by_the_launcher_and_leaves_the_others_alone(servers):
    with launched(servers) as launch:
        refused = Launch(servers, "atoll.provider.nothing:Plugin")
        out, error = refused.process.communicate()

        assert (refused.process.returncode, out) == (1, "")
        assert error == "plugin launcher: ModuleNotFoundError: No module named 'atoll.provider.nothing'\n"
        assert launch.answers()
        assert "Traceback" in (servers / launcher.LOG).read_text()


def test_who_is_no_engine_is_told_so(servers):
    done = subprocess.run([*ARGV, str(servers), PLUGIN], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.endswith("found no engine's address; expected to be started by the engine\n")


def test_a_launch_ends_with_its_engine_and_the_server_with_its_folder(servers):
    script = 'trap "" TERM; "$@" & wait'
    argv = ["sh", "-c", script, "engine", *ARGV, str(servers), PLUGIN, "127.0.0.1:1"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout
        assert int(engine.stdout.readline())
        (process,) = psutil.Process(engine.pid).children()
        engine.kill()

        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)

    assert servers_of(servers)
    shutil.rmtree(servers)
    until(lambda: not servers_of(servers))


def test_a_launch_ends_at_once_with_the_engines_end_of_its_input(servers):
    with launched(servers, stdin=subprocess.PIPE) as launch:
        # Closes the input, as the kernel does for an engine that was killed.
        launch.process.communicate(timeout=5)

        assert launch.process.returncode == 0


def test_a_server_keeps_nothing_that_the_engines_shell_had_open(servers):
    ours, theirs = os.pipe()
    with launched(servers, pass_fds=(theirs,)) as launch:
        os.close(theirs)
        launch.end(signal.SIGINT)

    assert os.read(ours, 1) == b""
    os.close(ours)
    assert servers_of(servers)


def test_launches_share_a_server_only_where_it_serves_them_alike(servers, tmp_path):
    base = dict(os.environ)
    with (
        launched(servers, env=base),
        launched(servers, env={**base, "SHLVL": "7", "PULUMI_CONFIG": "{}"}),
        launched(servers, env={**base, "KUBECONFIG": "/elsewhere"}),
        launched(servers, env=base, cwd=tmp_path),
    ):
        found = servers_of(servers)

        assert len(found) == 3
        assert {process.environ().get("KUBECONFIG") for process in found} == {None, "/elsewhere"}
        assert str(tmp_path) in {process.cwd() for process in found}


def test_a_server_that_begins_ahead_is_the_one_that_its_launches_share(servers):
    variables = dict(os.environ)
    for _ in range(2):
        assert subprocess.run([*ARGV, str(servers)], env=variables, check=False).returncode == 0
    (ahead,) = servers_of(servers)
    assert launcher.AHEAD in ahead.cmdline()

    for address in ("unix:/run/1", "unix:/run/2"):
        # Where an engine's program is served differs between its runs.
        with launched(servers, env={**variables, "PULUMI_RUNTIME_ADDRESS": address}) as launch:
            assert launch.answers()
            assert servers_of(servers) == [ahead]


def test_changed_code_means_another_server(tmp_path, monkeypatch):
    package = tmp_path / "atoll"
    (package / "provider").mkdir(parents=True)
    module = package / "module.py"
    module.write_text("1")
    monkeypatch.setattr(launcher, "__file__", str(package / "provider" / "launcher.py"))
    before = launcher.digest({})

    (package / "__pycache__").mkdir()
    assert launcher.digest({}) == before
    os.utime(module, ns=(time.time_ns(), module.stat().st_mtime_ns + 1))
    assert launcher.digest({}) != before


def test_another_version_of_what_atoll_stands_on_means_another_server(tmp_path, monkeypatch):
    python = tmp_path / "bin" / "python"
    packages = tmp_path / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    for folder in (python.parent, packages / "grpcio-1.0.dist-info"):
        folder.mkdir(parents=True)
    python.touch()
    monkeypatch.setattr(sys, "executable", str(python))
    before = launcher.digest({})

    # As the first import does.
    (packages / "__pycache__").mkdir()
    assert launcher.digest({}) == before
    (packages / "grpcio-1.0.dist-info").rename(packages / "grpcio-1.1.dist-info")
    assert launcher.digest({}) != before


def test_launchers_stay_small(servers):
    with launched(servers) as launch:
        assert psutil.Process(launch.process.pid).memory_info().rss < 16 << 20


class _Stubborn(Plugin):
    """A plugin whose call lets go when the test says so."""

    entered, free = threading.Event(), threading.Event()

    def get_plugin_info(self, _request):
        self.entered.set()
        self.free.wait()


def test_a_call_that_its_launch_leaves_behind_keeps_new_launches_away(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_GRACE", 0.1)
    monkeypatch.setattr(sharing, "_PAUSE", 0.01)
    monkeypatch.setattr(sharing, "_GRACE", 60)
    path = tmp_path / "s"

    def launch():
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        connection.sendall(f"launch {__name__}:_Stubborn 127.0.0.1:1\n".encode())
        return connection, int(connection.recv(16))

    async def scenario(listener):
        running = asyncio.create_task(sharing._Shared(listener, path).run(asyncio.Event()))
        (stubborn, port), (other, _) = [await asyncio.to_thread(launch) for _ in range(2)]
        with stubborn, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = protocol.provider_services.ResourceProviderStub(channel)
            call = stub.GetPluginInfo.future(empty_pb2.Empty())
            await asyncio.to_thread(_Stubborn.entered.wait)
            call.cancel()
        await asyncio.to_thread(until, lambda: not path.exists())
        assert not running.done()
        other.close()
        await running
        _Stubborn.free.set()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        asyncio.run(scenario(listener))
