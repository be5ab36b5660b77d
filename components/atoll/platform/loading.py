"""Reads the inventory of an environment: `base.yaml` with `<environment>.yaml` over it."""

import re
from pathlib import Path

from atoll.core import naming
from atoll.core.errors import SettingsError
from atoll.platform import reading, tree
from atoll.platform.inventory import Inventory
from atoll.platform.problems import Problem, shown, unknown
from atoll.platform.resolution import resolve
from atoll.platform.tree import Mark, Node

BASE = "base"
_COPY = re.compile(r"(.+)-\d+")


def load(folder: Path, environment: str) -> Inventory:
    """The inventory of an environment from the folder of stacks, which lies in the checkout.

    `test-1` is a copy of `test`: it reads test.yaml where it has no file of its own.

    Raises:
        SettingsError: there is no such environment, or something is wrong; every problem is told.
    """
    return load_with_tree(folder, environment)[1]


def load_with_tree(folder: Path, environment: str) -> tuple[Node, Inventory]:
    """The inventory of an environment and the tree that it was resolved from: its layers over each other.

    Raises:
        SettingsError: there is no such environment, or something is wrong; every problem is told.
    """
    folder = folder.resolve()
    layers_of = enumerate(files(folder, environment))
    read = [_read(path, layer) for layer, path in layers_of if layer or path.exists()]
    found = [problem for _, problems in read for problem in problems]
    layers = [node for node, _ in read if node is not None]
    if len(layers) < len(read):
        raise SettingsError(*map(str, sorted(found)))
    root = layers[0]
    for layer in layers[1:]:
        root = tree.over(root, layer)
    return root, resolve(root, found, environment, folder.parent)


def files(folder: Path, environment: str) -> list[Path]:
    """The files of an environment, the lower layer first; there may be no base.

    Raises:
        SettingsError: there is no such environment.
    """
    return [folder / f"{BASE}.yaml", _file(folder, environment)]


def environments(folder: Path) -> list[str]:
    """The environments that have a file, by name."""
    names = (path.stem for path in folder.glob("*.yaml"))
    return sorted(name for name in names if name != BASE and not name.startswith("Pulumi."))


def _file(folder: Path, environment: str) -> Path:
    known = environments(folder)
    if problem := naming.dns_label_problem(environment):
        raise SettingsError(f"environment: found {shown(environment)}; {problem}")
    copied = _COPY.fullmatch(environment)
    for name in (environment, copied.group(1) if copied else environment):
        if name in known:
            return folder / f"{name}.yaml"
    raise SettingsError(f"environment: {unknown(environment, known, 'environment' if not known else '')}")


def _read(path: Path, layer: int) -> tuple[Node | None, list[Problem]]:
    file = f"{path.parent.name}/{path.name}"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes().count(b"\n", 0, error.start) + 1
        return None, [Problem(Mark(layer, line, file), "", "found bytes that are no UTF-8; expected text")]
    except OSError as error:
        return None, [
            Problem(Mark(layer, 1, file), "", f"found no readable file ({error.strerror}); expected one")
        ]
    return reading.read(text, file, layer)
