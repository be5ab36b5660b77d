"""Atoll as others get it: its wheel, in a virtual environment that knows nothing of this checkout."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
_UV = Path(sys.executable).parent / "uv"


class Installed:
    """A virtual environment with the wheel and what it asks for, in the locked versions."""

    def __init__(self, folder: Path) -> None:
        self.wheel = _built(folder / "wheel")
        self.folder = folder / "venv"
        locked = folder / "locked.txt"
        export = ["export", "--locked", "--no-dev", "--no-emit-project", "--no-hashes", "--quiet"]
        _uv(*export, "--output-file", str(locked))
        # With pip, which the language host asks for what is installed.
        venv.create(self.folder, with_pip=True)
        install = ["pip", "install", "--quiet", "--python", str(self.bin / "python")]
        _uv(*install, "--constraints", str(locked), str(self.wheel))

    @property
    def bin(self) -> Path:
        """Where its programs are."""
        return self.folder / "bin"

    def run(self, *argv: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs one of its programs with nothing of this one's environment but where to find others and its home."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "XDG_CACHE_HOME") if name in os.environ}
        env = {"PATH": f"{self.bin}:{os.environ['PATH']}", **kept, **variables}
        return subprocess.run(
            [self.bin / argv[0], *argv[1:]], cwd=cwd, env=env, capture_output=True, text=True, check=False
        )


def _built(folder: Path) -> Path:
    _uv("build", "--wheel", "--no-build-isolation", "--quiet", "--python", sys.executable, "-o", str(folder))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _uv(*words: str) -> None:
    done = subprocess.run([_UV, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"uv {' '.join(words)}: {done.stderr}"
