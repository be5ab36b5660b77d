"""A copy of the checkout with environments of its own, driven by the `atoll` command as a user would."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from atoll.host import Environment
from atoll.kubernetes import Api, Kubeconfig

ROOT = Path(__file__).parent.parent.parent
PLANTED = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",
    "AWS_SECRET_ACCESS_KEY": "planted/planted/planted/planted/planted0",
    "KUBECONFIG": "/nonexistent/planted",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}
"""What a caller's shell may hold; nothing of it may reach an environment."""


class Checkout:
    """A checkout that tests may change. `home` is where its environments live."""

    command = str(Path(sys.executable).parent / "atoll")

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        self.variables = {**os.environ, **PLANTED, "ATOLL_HOME": str(home)}

    def atoll(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs the command; `code` is the exit code that it must end with, None for any."""
        return self.run([self.command, *words], code=code)

    def report(self, *words: str, code: int | None = 0) -> Any:
        """What the command prints as JSON."""
        found: Any = json.loads(self.atoll(*words, "--json", code=code).stdout)
        return found

    def shell(self, environment: str, script: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs a script in a shell that `atoll env` prepared."""
        prepared = f'eval "$({self.command} env {environment})" && {script}'
        return self.run(["bash", "-c", prepared], code=code)

    def run(self, argv: list[str], *, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs a program in the checkout."""
        done = subprocess.run(
            argv, cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False
        )
        assert code is None or done.returncode == code, (
            f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Starts the command without waiting for it."""
        return subprocess.Popen(
            [self.command, *words],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def environment(self, name: str) -> Environment:
        """Where an environment of this checkout lives."""
        return Environment(self.folder, name, next(self.home.glob(f"*/{name}")))

    def api(self, environment: str, cluster: str) -> Api:
        """A cluster's own API server, as its owner reaches it."""
        path = self.atoll("kubeconfig", environment, cluster).stdout.strip()
        return Api(Kubeconfig.read(Path(path).read_text()))

    @contextlib.contextmanager
    def edited(self, name: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """The inventory with a change, for the length of a test."""
        path = self.folder / "stacks" / f"{name}.yaml"
        before = path.read_text()
        content = yaml.safe_load(before)
        change(content)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        try:
            yield
        finally:
            path.write_text(before)


@contextlib.contextmanager
def made() -> Iterator[Checkout]:
    """A copy of what Git would commit here; its folder's name is short, since sockets live under it."""
    base = Path(tempfile.mkdtemp(prefix="atoll-"))
    try:
        folder = base / "atoll"
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"],  # noqa: S607 - git is on PATH
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        _commit(folder)
        yield Checkout(folder, base / "home")
    finally:
        shutil.rmtree(base)


def _commit(folder: Path) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for words in (["init", "--quiet"], ["add", "-A"], [*identity, "commit", "--quiet", "-m", "as it is"]):
        subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S607 - git is on PATH
