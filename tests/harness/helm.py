"""The helm program and the cases of the chart that Atoll ships, for whoever renders them."""

import functools
from pathlib import Path
from typing import Any

import yaml

from atoll import toolchain
from atoll.core import command
from atoll.core.command import Completed

_ROOT = Path(__file__).parents[2]
CHART = _ROOT / "charts" / "service"
CASES = _ROOT / "tests" / "golden" / "charts" / "service"
NAMES = sorted(path.stem for path in (CASES / "values").glob("*.yaml"))
"""The cases; a release has the name of its case."""
REFUSED: dict[str, Any] = yaml.safe_load((CASES / "refused.yaml").read_text())


def helm(folder: Path, *words: str | Path, check: bool = True) -> Completed:
    """Runs helm, which keeps nothing but in `folder` and knows no cluster."""
    homes = {f"HELM_{name}_HOME": str(folder) for name in ("CACHE", "CONFIG", "DATA")}
    return command.run([program(), *words], env={**homes, "HOME": str(folder)}, check=check)


def layers(*values: Path) -> list[str | Path]:
    """The words that name a case's values: the image that all run, and its own."""
    return [word for path in (CASES / "image.yaml", *values) for word in ("-f", path)]


def case(name: str) -> Path:
    """The values of a case."""
    return CASES / "values" / f"{name}.yaml"


def rendered(folder: Path, name: str, namespace: str = "shop") -> str:
    """What the chart makes of a case."""
    return helm(folder, "template", name, CHART, "--namespace", namespace, *layers(case(name))).stdout


def documents(text: str) -> list[dict[str, Any]]:
    """The objects of what was rendered."""
    return [each for each in yaml.safe_load_all(text) if each]


@functools.cache
def program() -> Path:
    """Helm, built where it is missing."""
    return toolchain.ensure(["helm"])["helm"]
