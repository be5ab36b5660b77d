"""A rotation as its KMS has it: the next key beside the one of today, the alias moved, the old one retired.

Each step goes by what is there, so that it may be made again after a kill anywhere.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from atoll.core import tags
from atoll.core.errors import UnavailableError
from atoll.core.writes import Write
from atoll.secrets import keys, kms, versions
from atoll.secrets.keys import Live, Wanted
from atoll.secrets.service import Service
from atoll.secrets.versions import Versions

_SECONDS = 60
"""Within which a KMS shows everywhere what was written to it: Amazon's own says seconds, rarely minutes.
Source: https://docs.aws.amazon.com/kms/latest/developerguide/accessing-kms.html (eventual consistency)."""
_PAUSE = 0.5


@dataclass(frozen=True)
class Rotation:
    """The keys of an alias (without `alias/`) and their owner; one that is `adopted` may be anybody's until now."""

    access: kms.Access
    alias: str
    owner: str
    adopted: bool = False

    def look(self) -> Versions:
        """The keys of the alias as they are.

        Raises:
            NoKeyError: there is none.
            RefusedError: it is somebody else's, or cannot be rotated.
        """
        today = self._today()
        versions.refuse(today, self.alias)
        kind = Wanted(
            alias=self.alias,
            owner=self._owner_of(today),
            spec=today.spec,
            multi_region=bool(today.metadata.get("MultiRegion")),
        )
        others = [live for live in self._service.without_alias(kind) if live.fits(kind)]
        return Versions(today, tuple(sorted(others, key=lambda live: (live.generation, live.id))))

    def begin(self, found: Versions) -> Versions:
        """Makes the next key, or takes up the one that was made, and lets it take over; returns what there is then.

        Raises:
            UnavailableError: the KMS does not answer, or does not show what was written.
        """
        owner = self._owner_of(found.today)
        self._write(found.adoption(self.alias, owner))
        new = found.pending or self._service.make(found.next(self.alias, owner))
        self._write(found.switch(self.alias, owner, new))
        return self._once_seen(new)

    def place(self, found: Versions) -> None:
        """Makes the tags say what the alias says."""
        self._write(found.placing())

    def release(self, found: Versions) -> None:
        """Lets nothing be opened any more by the keys before the one of today."""
        self._write(found.release())

    def settle(self, found: Versions, needed: Collection[str]) -> Versions:
        """Retires the keys whose ARNs nothing needs; returns what there is then."""
        settled = found.settled(needed)
        self._write(settled.retirement(found))
        return settled

    @cached_property
    def _service(self) -> Service:
        return Service(self.access)

    def _today(self) -> Live:
        wanted = Wanted(alias=self.alias, owner=self.owner)
        found = self._service.look(keys.PREFIX + self.alias) if self.adopted else self._service.behind(wanted)
        if found is None:
            raise kms.NoKeyError(
                f"{self.access.label}: alias {self.alias}: found no key; expected one. Bring the environment up first"
            )
        return found

    def _owner_of(self, today: Live) -> str:
        """Whoever owns the key of today owns the next."""
        return today.tags.get(tags.OWNER, self.owner)

    def _once_seen(self, new: Live) -> Versions:
        end = time.monotonic() + _SECONDS
        while (seen := self.look()).today.id != new.id:
            if time.monotonic() > end:
                raise UnavailableError(
                    f"{self.access.label}: alias {self.alias}: found {seen.today.id} behind it for {_SECONDS} s; expected "
                    f"{new.id}, which it was pointed at. Run the same command again"
                )
            time.sleep(_PAUSE)
        return seen

    def _write(self, writes: Iterable[Write]) -> None:
        for write in writes:
            self._service.write(self.alias, write)
