"""What the commands about the machine tell: its programs, and the plugins of an environment."""

from typing import Any

from atoll import toolchain
from atoll.automation.show import Screen
from atoll.core.errors import Exit
from atoll.host import Environment
from atoll.provider import plugins


def install(names: list[str] | None, screen: Screen) -> None:
    """Finds or builds programs."""
    found = toolchain.ensure(names, lambda event: screen.say(str(event)))
    screen.say(f"{len(found)} programs are there")


def programs(screen: Screen) -> list[dict[str, Any]]:
    """Every program: what is wanted, what is there, and where from."""
    found = toolchain.listing()
    screen.table(
        ("program", "wanted", "found", "source", "path"),
        [(each.name, each.wanted, each.version, each.source, each.path) for each in found],
    )
    return [each.values() for each in found]


def examine(environment: Environment, screen: Screen) -> tuple[Exit, dict[str, Any]]:
    """Runs every program once, and tells of each plugin whether it is the official one."""
    reports = toolchain.examine()
    chosen = plugins.installed(environment.engine_home)
    screen.table(
        ("program", "version", "source", "works"),
        [(each.name, each.version, each.source, each.problem or "yes") for each in reports],
    )
    screen.table(
        (f"plugin ({environment.name})", "version", "who made it"),
        [(each.name, each.version, each.kind) for each in chosen]
        or [("none yet", "", f"atoll up {environment.name} chooses them")],
    )
    values = {
        "programs": [each.values() for each in reports],
        "plugins": [{"name": each.name, "version": each.version, "kind": each.kind} for each in chosen],
    }
    works = all(not each.problem for each in reports)
    return (Exit.DONE if works else Exit.UNAVAILABLE), values
