"""Runs the program of an environment for the engine, in a process that loads while the command and the engine start.

Started by the command as `python -m atoll.provider.program`: loads what every program needs, and meanwhile waits for one line,
`{"address": "unix:PATH", "folder": ..., "variables": {...}}`. Then it serves Pulumi's LanguageRuntime at the address, says
`ready`, and ends with the command, whose end of its input is closed then. The engine's own host starts a Python for each run
once it has looked at everything, after it has listed all packages by pip to find plugins: more than a second of each run, in
which nothing else goes on. Plugins are found by the resources that need them.

Source: pulumi/pulumi, proto/pulumi/language.proto; sdk/python/lib/pulumi/automation/_server.py.
"""

import gc
import importlib
import json
import os
import runpy
import sys
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Thread
from typing import Any

import grpc

from atoll.core import command, files

_SERVICE = "pulumirpc.LanguageRuntime"
_NOTHING_TO_TELL = frozenset({"GetPluginInfo", "GetRequiredPackages", "GetRequiredPlugins"})
"""Calls whose answer is an empty message."""
_LOADED = ("pulumi", "atoll.automation.holding", "atoll.platform.composition", "atoll.platform.loading")
"""What every program needs."""


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc] # untyped
    """Answers in bytes, so that nothing has to be loaded before the first question."""

    def __init__(self, runtime: "Future[Any]", told: dict[str, Any]) -> None:
        self._runtime, self._told = runtime, told

    def service(self, details: Any) -> Any:
        service, _, call = details.method.strip("/").rpartition("/")
        if service != _SERVICE:
            return None
        if call in _NOTHING_TO_TELL:
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
        return grpc.unary_unary_rpc_method_handler(self._run) if call == "Run" else None

    def _run(self, request: bytes, context: Any) -> bytes:
        server = self._runtime.result()
        # Not before: what loads must not see them change.
        os.environ.clear()
        os.environ.update(self._told["variables"])
        os.chdir(self._told["folder"])
        from pulumi.runtime.proto import language_pb2  # noqa: PLC0415 - it is loaded by now

        runtime = server(partial(_program, self._told["folder"]))
        answer = runtime.Run(language_pb2.RunRequest.FromString(request), context)
        # It was told already, in its own words: the engine has none to add.
        answer.bail = bool(answer.error)
        told: bytes = answer.SerializeToString()
        return told


def _program(folder: str) -> None:
    """Runs it; an error that is nobody's is told with where it came from."""
    from pulumi import RunError  # noqa: PLC0415 - it is loaded by now

    try:
        runpy.run_path(folder, run_name="__main__")
    except RunError:
        raise
    except Exception as error:
        raise RunError(f"Program failed with an unhandled exception:\n{traceback.format_exc()}") from error


def _load() -> Any:
    """Loads all that, and returns what makes the server of a program."""
    for name in _LOADED:
        importlib.import_module(name)
    # A command that begins it ahead has not done so itself yet.
    importlib.import_module("atoll.host.limits").raise_open_files()
    # Seven calls to the engine for each resource, of steps that only who changes Pulumi's SDK wants to see.
    importlib.import_module("pulumi.log").debug = lambda *_args, **_options: None  # type: ignore[attr-defined] # the name is theirs
    # Under a name that Pulumi keeps to itself: it is the server of its Automation API.
    return importlib.import_module("pulumi.automation._server").LanguageServer


def _quiet() -> None:
    """Lets nothing out but by the engine: what a program prints `atoll` never showed, and nobody reads the pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def _serve(runtime: "Future[Any]") -> None:
    """Serves as it is told, until its input ends."""
    if line := sys.stdin.readline():
        told = json.loads(line)
        server = grpc.server(ThreadPoolExecutor(4), handlers=[_Handlers(runtime, told)])
        server.add_insecure_port(told["address"])
        server.start()
        sys.stdout.write(f"{command.READY}\n")
        sys.stdout.flush()
        _quiet()
        sys.stdin.read()
    # At once: what still loads or runs is for a command that is gone.
    os._exit(0)


def main() -> None:
    """Loads, and serves until its input ends."""
    # Loading makes many objects and no garbage, and a run is short.
    gc.disable()
    files.refuse_other_writers()
    runtime: Future[Any] = Future()
    serving = Thread(target=_serve, args=[runtime])
    serving.start()
    try:
        runtime.set_result(_load())
    except BaseException as error:  # noqa: BLE001 - whoever asks for a run is told
        runtime.set_exception(error)
    serving.join()


if __name__ == "__main__":
    main()
