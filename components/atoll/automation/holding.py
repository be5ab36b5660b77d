"""The program's part of a run that applies a plan: it looks again once the engine holds its lock."""

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from atoll.automation.plans import Facts, moved
from atoll.core import files
from atoll.core.errors import StalePlanError
from atoll.platform.inventory import Inventory

VARIABLE = "ATOLL_PLAN"
"""Names the folder of the run to its program."""
RUNS = "plan."
"""How the name of such a folder begins; whoever is killed leaves one."""
_EXPECTED, _REFUSED = "expected.json", "refused.json"


def expect(folder: Path, planned: Facts, file: Path) -> None:
    """Tells the program of a run what has to be as it was; `file` is the plan."""
    files.write_json(folder / _EXPECTED, {"facts": asdict(planned), "file": str(file)})


def refused(folder: Path) -> list[str]:
    """What had moved when the program looked."""
    told: list[str] = files.read_json(folder / _REFUSED, [])
    return told


def hold(inventory: Inventory, *, previewing: bool) -> None:
    """Refuses to go on with a plan where anything that it was made from has moved; does nothing where there is no plan.

    The engine previews first, under the lock that it keeps to its end, so that the state is nobody's but ours from then
    on. In the run itself it may have begun to write.

    Raises:
        StalePlanError: something moved.
    """
    if VARIABLE not in os.environ:
        return
    folder = Path(os.environ[VARIABLE])
    told: dict[str, Any] = files.read_json(folder / _EXPECTED)
    planned = Facts(**told["facts"])
    found = _found(inventory, Path(told["file"]))
    if lines := moved(planned, found if previewing else replace(found, state=planned.state)):
        files.write_json(folder / _REFUSED, lines)
        raise StalePlanError(*lines)


def _found(inventory: Inventory, file: Path) -> Facts:
    # Half a second of imports, which a run without a plan need not wait for.
    from atoll.automation import facts  # noqa: PLC0415 - see above
    from atoll.automation.engine import Engine  # noqa: PLC0415 - see above
    from atoll.host import Environment  # noqa: PLC0415 - see above

    environment = Environment.current()
    deployment = Engine(environment, os.environ).export().get("deployment") or {}
    return facts.gathered(environment, inventory, deployment, file)
