"""How long the life of the dev environment takes: `python -m bench.environment`.

Runs in a clone of the committed checkout, with an environment and ports of its own; programs must be built.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from atoll.core import command

_ATOLL = Path(sys.executable).parent / "atoll"
_ROOT = Path(__file__).parent.parent
_AGAIN = 3
"""How often what changes nothing is repeated; the median is told."""
_PAIRS = 7
"""How often `atoll up` and what it runs are timed one after the other; the median of the differences is told."""
_PLAIN = ["pulumi", "up", "--refresh", "--skip-preview", "--yes", "--parallel", "32"]


def rows() -> Iterator[tuple[str, float]]:
    """What was measured, in seconds."""
    folder = Path(tempfile.mkdtemp(prefix="atoll-bench-"))
    clone, env = folder / "atoll", {**os.environ, "ATOLL_HOME": str(folder / "home")}
    # Python keeps what it compiled, as it does for whoever did not forbid it.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command.run(["git", "clone", "--quiet", _ROOT, clone])

    def atoll(*words: str) -> None:
        command.run([_ATOLL, *words], env=env, cwd=clone)

    def pulumi(words: str) -> None:
        script = f'eval "$({_ATOLL} env dev 2>/dev/null)" && {words}'
        command.run(["bash", "-c", script], env=env, cwd=clone)

    try:
        yield "atoll up dev, from nothing", _seconds(lambda: atoll("up", "dev"))
        yield "atoll up dev, nothing to do", _median(lambda: atoll("up", "dev"))
        yield "atoll up dev --check, nothing to do", _median(lambda: atoll("up", "dev", "--check"))
        yield "atoll up over plain pulumi up, nothing to do", _overhead(atoll, clone, env)
        yield (
            "pulumi refresh --preview-only --expect-no-changes",
            _median(lambda: pulumi("pulumi refresh --preview-only --expect-no-changes")),
        )
    finally:
        yield "atoll down dev", _seconds(lambda: atoll("down", "dev"))
        shutil.rmtree(folder)


def _overhead(atoll: Callable[..., None], clone: Path, env: dict[str, str]) -> float:
    """What `atoll up` takes beyond the same operation of a `pulumi` that is typed in a prepared shell."""
    script = f'eval "$({_ATOLL} env dev 2>/dev/null)" && env --null'
    told = command.run(["bash", "-c", script], env=env, cwd=clone).stdout
    prepared = dict(each.partition("=")[::2] for each in told.split("\0") if each)

    def pair() -> float:
        plain = _seconds(lambda: command.run(_PLAIN, env=prepared, cwd=clone))
        return _seconds(lambda: atoll("up", "dev")) - plain

    return sorted(pair() for _ in range(_PAIRS))[_PAIRS // 2]


def _seconds(run: Callable[[], None]) -> float:
    begin = time.monotonic()
    run()
    return time.monotonic() - begin


def _median(run: Callable[[], None]) -> float:
    return sorted(_seconds(run) for _ in range(_AGAIN))[_AGAIN // 2]


def main() -> None:
    """Prints one line for each."""
    for what, seconds in rows():
        print(f"{what:<52} {seconds:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
