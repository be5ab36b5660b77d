"""What the engine starts as a plugin: it stands for one launch of a plugin in a server that many launches share.

Runs by its path as `python -I -S launcher.py FOLDER PLUGIN [ENGINE'S ARGUMENTS]`: there are as many of these as the
program has providers, twice over in an `up`, so it imports next to nothing and nothing of Atoll. FOLDER holds the
sockets of the servers. It ends when the engine asks it to or is gone; that closes its connection, by which the server
knows that the launch is over.

As `python -I -S launcher.py FOLDER` it starts the server alone, in the environment that its launches will have, so that it
loads before they come.

Only launches that one process can serve alike share a server: its socket is named by the code, the user, the folder
and the environment that it works in, so that whatever a plugin reads of these is the launch's own.
"""

import fcntl
import os
import select
import signal
import socket
import stat
import sys

# The module behind hashlib, which by itself would load OpenSSL: 4 MB for each launch.
from _blake2 import blake2b

SERVER = "atoll.provider.sharing"
LISTENER = 3
"""The file descriptor by which a server gets the socket that it listens on."""
AHEAD = "--ahead"
"""What a server is told that begins before its launches."""
LOG = "server.log"
_LOG_BYTES = 1 << 20
_PATIENCE = 20.0
"""Seconds for a server to answer, its own start included. One that is frozen is given up for a new one."""
_TRIES = 3
_BACKLOG = 256
_LOOK = 1.0
"""Seconds between two looks at whether the engine is still there."""
_UNSHARED = frozenset(
    {
        # Of the shell that the engine was typed into.
        "_",
        "OLDPWD",
        "SHLVL",
        # Of the engine's one run or the provider's one configuration, which come over gRPC as well.
        "PULUMI_CONFIG",
        "PULUMI_LOG_OTLP_ENDPOINT",
        "PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT",
        "PULUMI_PROJECT",
        "PULUMI_RUNTIME_ADDRESS",
        "PULUMI_RUNTIME_TOOLCHAIN",
        "PULUMI_RUNTIME_TYPECHECKER",
        # Of the program of one run, which compares what its plan was made from.
        "ATOLL_PLAN",
        "PULUMI_RUNTIME_VIRTUALENV",
        "TRACEPARENT",
    }
)
"""Variables that differ between launches without meaning to a plugin; a server gets none of them."""


def main(arguments: list[str]) -> int:
    """Serves one launch; returns the exit code."""
    if len(arguments) == 1:
        return _ahead(arguments[0])
    parent = os.getppid()
    # The server outlives this process: what the shell left open (a lock, the end of a pipe) must not live on in it.
    os.closerange(LISTENER, os.sysconf("SC_OPEN_MAX"))
    for number in (signal.SIGINT, signal.SIGTERM):
        # The engine counts on exit code 0; nothing here needs an end.
        signal.signal(number, lambda *_: os._exit(0))
    if len(arguments) < 3:  # noqa: PLR2004 - FOLDER, PLUGIN, and what the engine adds
        return _fail("found no engine's address; expected to be started by the engine")
    folder, plugin, address = arguments[0], arguments[1], arguments[-1]
    connection, answer = _launch(folder, f"launch {plugin} {address}\n".encode())
    if connection is None:
        return _fail(answer)
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()
    return _wait(connection, parent, f"{folder}/{LOG}")


def _wait(connection: socket.socket, engine: int, log: str) -> int:
    """Waits for the end of the engine or of the server; returns the exit code.

    The engine holds the other end of our input, which tells of its death at once; elsewhere it is looked for.
    """
    heard = [connection.fileno(), *([0] if stat.S_ISFIFO(os.fstat(0).st_mode) else [])]
    while os.getppid() == engine:
        ready = select.select(heard, [], [], _LOOK)[0]
        if connection.fileno() in ready:
            return _fail(f"found its server dead; expected it to live on. Its last words are in {log}")
        if ready and not os.read(0, 1024):
            break
    return 0


def _fail(problem: str) -> int:
    sys.stderr.write(f"plugin launcher: {problem}\n")
    return 1


def _ahead(folder: str) -> int:
    """Starts a server where there is none; returns the exit code."""
    shelf, environment = _shelf(folder), _environment()
    name = digest(environment)
    return 0 if connect(shelf, name) or _start(shelf, folder, name, environment, (AHEAD,)) else 1


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _UNSHARED}


def _shelf(folder: str) -> int:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return os.open(folder, os.O_RDONLY)


def _launch(folder: str, request: bytes) -> tuple[socket.socket | None, str]:
    """The connection that keeps a launch alive with the port of its plugin, or None and what went wrong."""
    shelf, environment = _shelf(folder), _environment()
    name = digest(environment)
    for _ in range(_TRIES):
        connection = connect(shelf, name) or _start(shelf, folder, name, environment)
        if connection is None:
            continue
        seen = _identity(shelf, name)
        try:
            connection.sendall(request)
            answer = connection.makefile().readline().strip()
        except TimeoutError:
            # Whoever replaced it in the meantime keeps the name.
            if seen and _identity(shelf, name) == seen:
                os.unlink(name, dir_fd=shelf)
            continue
        except OSError:
            answer = ""
        if answer.isdecimal():
            return connection, answer
        if answer:
            return None, answer
        # It had nothing to do and left just now, or it cannot start: the next try tells.
    return None, f"found no server that answers; expected one. Its last words are in {folder}/{LOG}"


def digest(environment: dict[str, str]) -> str:
    """A name for all that launches must have in common to share a server."""
    here = os.stat(".")
    found = blake2b(digest_size=8)
    for part in (sys.version, os.getuid(), here.st_dev, here.st_ino, *sorted(environment.items())):
        found.update(f"{part}\0".encode(errors="surrogateescape"))
    for package in _installed():
        found.update(f"{package}\0".encode())
    for path in _code():
        status = os.stat(path)
        found.update(f"{path}\0{status.st_mtime_ns}\0{status.st_size}\0".encode())
    return found.hexdigest()


def _installed() -> list[str]:
    """The names, versions among them, of what Atoll stands on.

    Not its folder's time: the first import of a module that lies there makes `__pycache__` beside it.
    """
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    folder = os.path.normpath(os.path.join(sys.executable, "..", "..", "lib", python, "site-packages"))
    return (
        sorted(each for each in os.listdir(folder) if each != "__pycache__") if os.path.exists(folder) else []
    )


def _code() -> list[str]:
    """The files that make Atoll, and the Python that runs them."""
    found = [sys.executable]
    for folder, folders, names in os.walk(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        found += [os.path.join(folder, each) for each in sorted(names)]
    return found


def _place(shelf: int, name: str) -> str:
    """A socket's path by its folder's descriptor: as such it may have 107 bytes only."""
    return f"/proc/self/fd/{shelf}/{name}"


def connect(shelf: int, name: str) -> socket.socket | None:
    """A connection to the server of that name, or None where none listens."""
    connection = socket.socket(socket.AF_UNIX)
    # One that is frozen takes no more connections at some time: that must not hold us up for ever.
    connection.settimeout(_PATIENCE)
    try:
        connection.connect(_place(shelf, name))
    except OSError:
        connection.close()
        return None
    return connection


def _identity(shelf: int, name: str) -> tuple[int, int] | None:
    try:
        status = os.stat(name, dir_fd=shelf)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _start(
    shelf: int, folder: str, name: str, environment: dict[str, str], words: tuple[str, ...] = ()
) -> socket.socket | None:
    """Starts a server, unless another launch just did, and connects to it.

    The socket listens before the server runs: nobody has to wait until it does, and two launches at once meet in it.
    """
    lock = os.open("lock", os.O_RDWR | os.O_CREAT, 0o600, dir_fd=shelf)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found := connect(shelf, name):
            return found
        if _identity(shelf, name):
            os.unlink(name, dir_fd=shelf)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(_place(shelf, name))
            listener.listen(_BACKLOG)
            _spawn(listener, folder, [*words, os.path.join(folder, name)], environment)
            return connect(shelf, name)
    finally:
        os.close(lock)


def _spawn(listener: socket.socket, folder: str, words: list[str], environment: dict[str, str]) -> None:
    log = os.path.join(folder, LOG)
    if os.path.exists(log) and os.stat(log).st_size > _LOG_BYTES:
        os.rename(log, f"{log}.1")
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-m", SERVER, *words],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_DUP2, listener.fileno(), LISTENER),
        ],
        # A session of its own: the engine kills the process groups of its plugins.
        setsid=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
