"""A copy of the checkout with environments of its own, driven by the `atoll` command as a user would."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping
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
    """A checkout that tests may change. `home` is where its environments live, temporary files lie beside it."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        self.command = str(Path(sys.executable).parent / "atoll")
        self.temporary = home.parent / "tmp"
        self.temporary.mkdir(exist_ok=True)
        # What pytest says of the test that runs is no caller's.
        callers = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self.variables = {**callers, **PLANTED, "ATOLL_HOME": str(home), "TMPDIR": str(self.temporary)}

    def atoll(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs the command; `code` is the exit code that it must end with, None for any."""
        return self.run([self.command, *words], code=code)

    def report(self, *words: str, code: int | None = 0) -> Any:
        """What the command prints as JSON."""
        done = self.atoll(*words, "--json", code=code)
        assert done.stdout, f"{words}: {done.returncode}\n{done.stderr}"
        found: Any = json.loads(done.stdout)
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
        return self.begin([self.command, *words])

    def begin(self, argv: list[str]) -> subprocess.Popen[str]:
        """Starts a program in the checkout without waiting for it."""
        return subprocess.Popen(
            argv,
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

    def repinned(self, versions: Mapping[str, str]) -> "Checkout":
        """The same checkout and environments, run by a copy of Atoll's code whose table names other versions.

        The sources stay, so that a program is another one within the seconds that linking takes.
        """
        python = self.folder / ".venv" / "bin" / "python"
        if not python.exists():
            venv.create(self.folder / ".venv", with_pip=False)
            (packages,) = self.folder.glob(".venv/lib/python*/site-packages")
            ours = Path(yaml.__file__).parent.parent
            (packages / "checkout.pth").write_text(f"{self.folder}/components\n{ours}\n")
            script = f"#!{python}\nfrom atoll.automation.command_line import main\nmain()\n"
            (python.parent / "atoll").write_text(script)
            (python.parent / "atoll").chmod(0o755)
        table = self.folder / "components" / "atoll" / "toolchain" / "tools.toml"
        original = (ROOT / table.relative_to(self.folder)).read_text()
        table.write_text(_HEAD.join(_repinned(entry, versions) for entry in original.split(_HEAD)))
        other = Checkout(self.folder, self.home)
        other.command = str(python.parent / "atoll")
        return other

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
def made(*, keep: bool = False) -> Iterator[Checkout]:
    """A copy of what Git would commit here; its folder's name is short, since sockets live under it.

    It is removed in the end, unless whoever looks for a fault wants to `keep` it.
    """
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
        if not keep:
            shutil.rmtree(base)


_HEAD = "[[program]]\n"
_TELLS = {"etcd": 'ldflags = "-X go.etcd.io/etcd/api/v3/version.Version={version}"'}
"""What makes a program say its version that does not take it from the table's own flags."""


def _repinned(entry: str, versions: Mapping[str, str]) -> str:
    """One program of the table, of another version where that is wanted; what is on PATH does not fit then."""
    name = re.match(r'name = "(.*)"', entry)
    if name is None or name[1] not in versions:
        return entry
    version, own = versions[name[1]], _TELLS.get(name[1], "")
    entry = re.sub(r'^version = ".*"$', f'version = "{version}"\n{own}', entry, flags=re.MULTILINE)
    return re.sub(r'^fits = ".*"$', f'fits = "=={version}"', entry, flags=re.MULTILINE)


def _commit(folder: Path) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for words in (["init", "--quiet"], ["add", "-A"], [*identity, "commit", "--quiet", "-m", "as it is"]):
        subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S607 - git is on PATH
