"""A repository of somebody else's with a Pulumi program, run by the wheel in the shell of an environment."""

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.wheel import ROOT, Installed

STACK = "main"


class Consumer:
    """A copy of one of `examples/`. `shell` runs a script in a shell that the environment prepared; `plugins` are what it needs."""

    def __init__(
        self, name: str, folder: Path, installed: Installed, shell: Callable[[str], Any], *plugins: str
    ) -> None:
        self.folder = folder / name
        shutil.copytree(ROOT / "examples" / name, self.folder)
        secret = folder / "passphrase"
        secret.write_text("of this test alone")
        # As README has it: the wheel's own folder of programs first, then one command of the wheel.
        prepared = [
            f'export PATH={shlex.quote(str(installed.bin))}:"$PATH" PULUMI_STACK={STACK}',
            f"export PULUMI_HOME={shlex.quote(str(folder / 'pulumi'))}",
            f"export PULUMI_CONFIG_PASSPHRASE_FILE={shlex.quote(str(secret))}",
            f'eval "$(atoll plugins install {" ".join(plugins)})"',
            "env -0",
        ]
        told: str = shell(" && ".join(prepared)).stdout
        self._variables = dict(line.split("=", 1) for line in told.split("\0") if line)

    def pulumi(self, *words: str) -> str:
        """Runs the engine in the folder of the program; what it printed."""
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],  # noqa: S607 - of that shell's PATH
            cwd=self.folder,
            env=self._variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def begin(self, **settings: str) -> None:
        """Makes its stack."""
        self.pulumi("stack", "init", STACK)
        for name, value in settings.items():
            self.pulumi("config", "set", name, value)

    def up(self, *more: str) -> dict[str, Any]:
        """Brings it up; its outputs."""
        self.pulumi("up", "--yes", "--skip-preview", *more)
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json"))
        return found

    def down(self) -> None:
        """Takes it away with its stack."""
        self.pulumi("destroy", "--yes", "--skip-preview", "--remove")
