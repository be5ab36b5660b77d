"""Looking after the secrets of a state: a new data key, and whether all of them open."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from atoll.automation import custody, preparation, processes, running, sealing, searching
from atoll.automation.engine import Engine
from atoll.automation.events import Message, Severity
from atoll.automation.searching import Betrayal
from atoll.automation.show import Screen
from atoll.core.errors import Exit, IntegrityError
from atoll.host import Environment

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - what marks a secret in a state, in every state
"""Source: pulumi, sdk/go/common/resource/sig (the key and the value that mark a secret)."""


@dataclass(frozen=True)
class Rekeyed:
    """What was encrypted anew: `secrets` of the state, by a key of `provider`; `older` copies keep their own data key."""

    environment: str
    provider: str
    secrets: int
    older: int


@dataclass(frozen=True)
class Checked:
    """What was looked at: how many secrets of the state opened, how many were searched for, which lie in plain."""

    environment: str
    opened: int
    searched: int
    places: int
    betrayals: list[Betrayal]

    @property
    def code(self) -> Exit:
        """Whether none lies in plain."""
        return Exit.REFUSED if self.betrayals else Exit.DONE


def check(environment: Environment, screen: Screen) -> Checked:
    """Opens every secret of the state, and looks for each where it must not be.

    Raises:
        IntegrityError: one does not open.
        UnavailableError: the KMS opens none.
    """
    inventory = running.declared(environment)
    with processes.known(environment).locked("secrets check"), screen.beating("secrets check"):
        engine = preparation.prepare_declared(environment, screen, inventory).engine
        opened = _opened(engine)
        known = searching.of_disk(environment) | searching.of_values(
            (f"secret {number} of {owner}", text) for number, (owner, text) in enumerate(opened)
        )
        looked: list[str] = []
        found = searching.betrayals(known, _counted(searching.places(environment), looked))
    for each in found:
        screen.listen(
            Message(
                Severity.ERROR,
                f"{each.where}: found {each.what} in plain; expected it nowhere but in its own file. Remove it there, "
                "and make it anew",
            )
        )
    screen.say(
        f"environment {environment.name}: {len(opened)} secrets of the state open; {len(known)} searched for in "
        f"{len(looked)} places, {len(found)} found in plain"
    )
    return Checked(environment.name, len(opened), len(known), len(looked), found)


def _counted(haystacks: Iterable[tuple[str, bytes]], looked: list[str]) -> Iterator[tuple[str, bytes]]:
    for where, text in haystacks:
        looked.append(where)
        yield where, text


def rekey(environment: Environment, screen: Screen) -> Rekeyed:
    """Makes a new data key for the state and encrypts every secret of it anew.

    Killed anywhere it leaves state and stack file each with a data key that the KMS opens; it is run again.

    Raises:
        IntegrityError: the state is not what it should be then.
        RefusedError: the state is in a bucket.
    """
    inventory = running.kept_here(environment)
    with processes.known(environment).locked("secrets rekey"):
        engine = preparation.prepare_declared(environment, screen, inventory).engine
        provider, before = custody.url(environment, inventory.kms), sealing.data_keys(environment)
        with screen.beating("secrets rekey"):
            engine.encrypt_by(screen.listen, provider)
            after, opened = sealing.data_keys(environment), len(_opened(engine))
    if not after or after & before or sealing.provider(environment) != provider:
        raise IntegrityError(
            f"environment {environment.name}: found its state under the data key of before; expected a new one. Run "
            f"the same command again"
        )
    older = sealing.older(environment)
    screen.say(
        f"environment {environment.name}: {opened} secrets of its state are encrypted by a new data key; {older} older "
        "copies of it keep theirs"
    )
    return Rekeyed(environment.name, provider, opened, older)


def _opened(engine: Engine) -> list[tuple[str, str]]:
    """The secrets of the state in plain (JSON), all of them, each with the resource that has it.

    Raises:
        IntegrityError: one was not among those that were opened.
        UnavailableError: the KMS does not open them.
    """
    closed, opened = (list(secrets(each)) for each in (engine.export(), engine.export(opened=True)))
    if len(closed) != len(opened):
        raise IntegrityError(
            f"pulumi: found {len(opened)} secrets that open; expected {len(closed)}, as many as there are."
        )
    return [(owner, each["plaintext"]) for owner, each in opened]


def secrets(value: Any, owner: str = "state") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every secret in an exported state, encrypted or open, as the engine marks it, and the resource that has it."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            yield owner, value
            return
        owner = str(value.get("urn", owner)).rpartition("::")[2]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from secrets(each, owner)
