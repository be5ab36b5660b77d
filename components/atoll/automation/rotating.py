"""Rotation of a key: another takes over, everything that lives moves to it, and what only the old one opens is told.

Every step goes by what is there: killed anywhere, the same command goes on. In between everything opens, since the tags of
the key that took over name the one before it for as long as something needs that.
"""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from atoll.automation import custody, moving, preparation, processes, recap, retention, running, sealing
from atoll.automation.custody import Custody
from atoll.automation.engine import Engine
from atoll.automation.holdings import Copies, Finder
from atoll.automation.moving import Mover
from atoll.automation.show import Screen
from atoll.core.errors import AtollError, Exit, NotReadyError, RefusedError, SettingsError
from atoll.host import Environment
from atoll.platform import Inventory, problems
from atoll.secrets import keys
from atoll.secrets.envelope import WrappingKey
from atoll.secrets.rotation import Rotation
from atoll.secrets.versions import Versions

_HEARTBEAT = 2.0
"""Seconds of silence after which it is said how far the work is."""
_SHOWN = 5
_OWN = "own"
"""Behind the owner's name: the environment's own key is nobody's who declares keys."""


@dataclass(frozen=True)
class Rotated:
    """What a rotation came to.

    `old` are the keys of before, by ARN, that stay for what `copies` and others hold; `moved` counts what was sealed anew
    by this run, by file.
    """

    environment: str
    key: str
    alias: str
    generation: int
    arn: str
    old: list[str]
    moved: dict[str, int]
    followed: list[str]
    copies: Copies

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        return asdict(self)


def rotate(environment: Environment, name: str, screen: Screen, *, resume: bool = False) -> Rotated | None:
    """Rotates a key of the inventory, or without a name the environment's own; goes on with what was begun.

    With `resume` nothing is begun: None where there is nothing to go on with.

    Raises:
        SettingsError: there is no such key.
        RefusedError: it cannot be rotated, or the state is in a bucket; nothing was changed.
        UnavailableError: the KMS does not answer, or may not be used.
        NotReadyError: something still lies under the old key.
    """
    inventory = running.kept_here(environment)
    if name and name not in inventory.keys:
        raise SettingsError(f"secrets rotate: {problems.unknown(name, sorted(inventory.keys), 'key')}")
    with processes.known(environment).locked("secrets rotate"):
        retention.sweep(environment)
        engine = preparation.prepare_declared(environment, screen, inventory).engine
        with screen.beating("secrets rotate", every=_HEARTBEAT):
            kept = custody.ensured(environment, inventory.kms)
            turn = _Turn(environment, inventory, engine, kept, name, screen)
            found = turn.rotation.look()
            if resume and not found.is_begun:
                return None
            return turn.made(found)


@dataclass(frozen=True)
class _Turn:
    """One run of the command. `name` is a key of the inventory, or empty for the environment's own."""

    environment: Environment
    inventory: Inventory
    engine: Engine
    kept: Custody
    name: str
    screen: Screen
    moved: dict[str, int] = field(default_factory=dict)

    @cached_property
    def rotation(self) -> Rotation:
        """The keys of the name in their KMS.

        Raises:
            RefusedError: it is named by what cannot be pointed at another key.
        """
        owner = f"{sealing.PROJECT}/{self.environment.name}"
        if self.name:
            return Rotation(self.kept.access, self.inventory.keys[self.name].alias, owner)
        alias = self.kept.key.removeprefix(keys.PREFIX)
        if alias == self.kept.key:
            raise RefusedError(
                f"stacks/{self.environment.name}.yaml: kms.key: found {alias}; expected an alias (a rotation points it at "
                f"the next key). Give the key one, and name that"
            )
        return Rotation(self.kept.access, alias, f"{owner}/{_OWN}", adopted=True)

    def made(self, found: Versions) -> Rotated:
        """Takes every step that is still to be taken."""
        rotation = self.rotation
        begins = not found.retiring
        going = [*_past(found), *([found.today.arn] if begins else [])]
        moving.refuse(moving.documents(self.inventory, going), rotation.alias)
        if begins:
            self.screen.progress(f"making the next key of {rotation.alias}")
            found = rotation.begin(found)
        rotation.place(found)
        today = WrappingKey(self.kept.access, found.today.arn)
        finder = Finder(self.environment, _past(found), today, engines=not self.name)
        self._move(finder)
        rotation.release(found)
        followed = self._follow(finder)
        self._refuse_left(finder, rotation)
        done = self._rotated(found, finder, followed)
        self._report(done)
        # What is last is that it is finished: who is killed before is told again.
        rotation.settle(found, ())
        return done

    def _move(self, finder: Finder) -> None:
        """Seals anew what the files of the inventory hold, and encrypts the state by a new data key."""
        mover = Mover(self.environment.name, finder.arns, finder.today, self.screen)
        for document in moving.documents(self.inventory, finder.arns):
            mover.move(document)
            self.moved[str(document.path)] = document.sealed
            self.screen.say(f"{document.path}: {document.sealed} sealed anew")
        if self._is_state_left(finder):
            self.screen.progress("encrypting the state by a new data key")
            self.engine.encrypt_by(self.screen.listen, custody.url(self.environment, self.inventory.kms))

    def _follow(self, finder: Finder) -> list[str]:
        """Brings what the state has under the old key to the new one, and nothing else; returns its URNs.

        Raises:
            AtollError: the engine could not.
        """
        urns = [urn for urn in finder.resources(self.engine.state()) if self._is_declared(urn)]
        if not urns:
            return []
        self.screen.progress(f"bringing {len(urns)} resources of the state to the new key")
        code = self.engine.follow(urns, self.screen.listen)
        if code:
            results = self.screen.results
            failed = AtollError(
                f"environment {self.environment.name}: found resources that do not follow to the new key (above); expected "
                "all of them. Mend that, and run the same command again"
            )
            failed.exit_code = recap.exit_code(recap.of_run([_OWN], results), results) or Exit.FAILED
            raise failed
        return urns

    def _is_declared(self, urn: str) -> bool:
        """Whether the inventory still has it: a resource that it dropped is left to `up`, which deletes it in its order."""
        kind, name = urn.rpartition("$")[2].split("::")[-2:]
        if kind.endswith("index:SealedSecret"):
            return name in self.inventory.sealed_secrets
        return True

    def _refuse_left(self, finder: Finder, rotation: Rotation) -> None:
        """Raises: NotReadyError: something that lives lies under the old key."""
        left = [str(each.path) for each in moving.documents(self.inventory, finder.arns)]
        left += finder.resources(self.engine.state())
        if self._is_state_left(finder):
            left.append("the state's data key")
        if left:
            name = self.environment.name
            raise NotReadyError(
                f"key {rotation.alias}: found {len(left)} under the key of before ({', '.join(left[:_SHOWN])}); expected "
                f"none. Run: atoll up {name}, then: atoll secrets rotate {name} {self.name}".rstrip()
            )

    def _is_state_left(self, finder: Finder) -> bool:
        """Whether the state's data key is still under a key of before."""
        data_keys = sealing.data_keys(self.environment) if finder.engines else ()
        return not all(map(finder.is_under_today, data_keys))

    def _rotated(self, found: Versions, finder: Finder, followed: list[str]) -> Rotated:
        return Rotated(
            environment=self.environment.name,
            key=self.name,
            alias=self.rotation.alias,
            generation=found.today.generation,
            arn=found.today.arn,
            old=_past(found),
            moved=self.moved,
            followed=followed,
            copies=finder.copies(),
        )

    def _report(self, done: Rotated) -> None:
        """Says what came of it, and who still needs the keys of before."""
        copies, name = done.copies, done.environment
        self.screen.say(
            f"key {done.alias}: rotated to its generation {done.generation}, {done.arn}; {sum(done.moved.values())} sealed "
            f"anew, {len(done.followed)} resources of the state followed, nothing that lives is under the key of before"
        )
        self.screen.say(
            f"what only the keys of before open: {len(copies.history)} files of the engine's history and "
            f"{len(copies.backups)} of its backups (gone after {retention.UPDATES} more runs), older commits of the inventory, "
            f"backups of the environment, and files that `secrets seal --out` wrote (atoll secrets rewrap {name} FILE --from ARN)"
        )
        for arn in done.old:
            self.screen.say(
                f"{arn}: retired, enabled and kept. Once nobody needs those: aws kms schedule-key-deletion --key-id {arn}"
            )


def _past(found: Versions) -> list[str]:
    """The ARNs of all keys of before; what was sealed under one that retired may have come back, as from a branch."""
    return [key.arn for key in (*found.retired, *found.retiring)]
