"""A KMS as keys are kept in it: looks at them, finds what was begun, writes."""

import random
import time
from collections.abc import Iterator
from typing import Any

from atoll.core import tags
from atoll.core.errors import RefusedError
from atoll.core.writes import Write
from atoll.secrets import keys, kms
from atoll.secrets.keys import Live, Wanted
from atoll.secrets.lifecycle import State

_MAKING_ATTEMPTS = 4
_PAUSE = 0.5
"""Seconds before the second attempt to make a key; each pause is at most twice the one before."""
_DONE_ALREADY = {
    "delete_alias": kms.NoKeyError,
    "revoke_grant": kms.NoKeyError,
    "schedule_key_deletion": kms.KeyStateError,
}
"""What a repeated call answers when the lost answer to the first was that it is done."""


class Service:
    """One KMS. Its reads and all its writes but one may be sent again; making a key may not."""

    def __init__(self, access: kms.Access) -> None:
        self.access = access
        self._client: Any = kms.client(access)
        # A key whose making was answered to nobody would be made twice by a client that asks again by itself.
        self._maker: Any = kms.client(access, attempts=1)

    def look(self, key: str) -> Live | None:
        """A key by its id, ARN or alias (`alias/...`); None where there is none."""
        try:
            with kms.problems(self.access, key):
                return self._whole(self._client.describe_key(KeyId=key)["KeyMetadata"])
        except kms.NoKeyError:
            return None

    def take(self, wanted: Wanted) -> Live | None:
        """The key that a declaration goes on with: the one behind its alias, or one that was begun; None for none.

        Raises:
            RefusedError: the key behind the alias is somebody else's.
        """
        behind = self.behind(wanted)
        if behind is not None:
            # Of another kind, it is the one that this one replaces.
            return behind if behind.fits(wanted) else self.begun(wanted)
        return self.begun(wanted)

    def behind(self, wanted: Wanted) -> Live | None:
        """The key behind the alias; None for none.

        Raises:
            RefusedError: it is somebody else's.
        """
        found = self.look(keys.PREFIX + wanted.alias)
        if found is not None:
            self._refuse_foreign(found, wanted)
        return found

    def make(self, wanted: Wanted) -> Live:
        """Makes a key. Where the answer is lost, what was made is looked for before another is."""
        write = keys.creation(wanted)
        for attempt in range(_MAKING_ATTEMPTS):
            try:
                with kms.problems(self.access, wanted.alias):
                    made = self._maker.create_key(**write.arguments)["KeyMetadata"]
                return self._whole(made)
            except (kms.SilentError, kms.ThrottledError):
                if attempt + 1 == _MAKING_ATTEMPTS:
                    raise
                time.sleep(_PAUSE * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - no secret
            if begun := self.begun(wanted):
                return begun
        raise AssertionError

    def write(self, key: str, write: Write) -> None:
        """Makes one change; that it was made already is no error."""
        try:
            with kms.problems(self.access, key):
                getattr(self._client, write.call)(**write.arguments)
        except _DONE_ALREADY.get(write.call, ()):
            return
        except kms.TakenError:
            if not self._points(write):
                raise

    def expect(self, key: str) -> Live:
        """A key that must be there.

        Raises:
            RefusedError: it is not.
        """
        live = self.look(key)
        if live is None:
            raise RefusedError(
                f"{self.access.label}: key {key}: found none; expected the one that the state knows. Where it was deleted "
                "for good, a refresh says so."
            )
        return live

    def moves_alias(self, wanted: Wanted, live: Live) -> bool:
        """Points the alias of a key that this one replaces, and that was kept, at this one; whether there was one."""
        if wanted.alias in live.aliases:
            return False
        if self.behind(wanted) is None:
            return False
        arguments = {"AliasName": keys.PREFIX + wanted.alias, "TargetKeyId": live.id}
        self.write(wanted.alias, Write("update_alias", arguments))
        return True

    def _refuse_foreign(self, behind: Live, wanted: Wanted) -> None:
        owner = behind.tags.get(tags.OWNER)
        if owner != wanted.owner:
            whose = f"{owner}'s" if owner else "nobody's that is known"
            raise RefusedError(
                f"{self.access.label}: alias {wanted.alias}: found key {behind.id} behind it, {whose}; expected none, "
                f"or one of {wanted.owner}. Choose another alias, or import that key."
            )

    def _points(self, write: Write) -> bool:
        """Whether an alias that is taken points where it should: a repeated call hears that it is there."""
        if write.call != "create_alias":
            return False
        behind = self.look(write.arguments["AliasName"])
        return behind is not None and behind.id == write.arguments["TargetKeyId"]

    def heir(self, live: Live | None, wanted: Wanted) -> Live | None:
        """The key that a rotation pointed the alias of a key at (one that is gone: None), or None."""
        if live is not None and wanted.alias in live.aliases:
            return None
        behind = self.look(keys.PREFIX + wanted.alias)
        known = live.generation if live else 1
        return behind if behind and behind.is_marked(wanted) and behind.generation > known else None

    def begun(self, wanted: Wanted) -> Live | None:
        """What was begun for a declaration, or waits for its deletion: it has no alias and the marks.

        A key that a rotation left behind, or made and did not come to use, is none, unless that is what is wanted.
        """
        state = wanted.place.get(keys.STATE, State.ACTIVE)
        found = [live for live in self.without_alias(wanted) if live.fits(wanted)]
        return keys.best(live for live in found if live.tags.get(keys.STATE, State.ACTIVE) == state)

    def without_alias(self, wanted: Wanted) -> list[Live]:
        """All keys that have the marks and no alias."""
        with kms.problems(self.access, wanted.alias):
            with_alias = {
                each["TargetKeyId"]
                for each in self._pages("list_aliases", "Aliases")
                if "TargetKeyId" in each
            }
            without = [
                each["KeyId"] for each in self._pages("list_keys", "Keys") if each["KeyId"] not in with_alias
            ]
            marked = [key for key in without if wanted.marks.items() <= self._visible_tags(key).items()]
        return [live for key in marked if (live := self.look(key))]

    def _visible_tags(self, key: str) -> dict[str, str]:
        """The tags of a key; none where it is not ours to look at, or is gone by now."""
        try:
            with kms.problems(self.access, key):
                return self._tags(key)
        except (kms.NoKeyError, kms.DeniedError):
            return {}

    def _whole(self, metadata: dict[str, Any]) -> Live:
        """All there is to know of a key."""
        key = metadata["KeyId"]
        aliases = [
            each["AliasName"].removeprefix(keys.PREFIX)
            for each in self._pages("list_aliases", "Aliases", key)
        ]
        return Live(
            metadata=metadata,
            aliases=tuple(sorted(aliases)),
            policy=self._client.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
            rotation=self._rotation(metadata),
            grants=tuple(self._pages("list_grants", "Grants", key)),
            tags=self._tags(key),
        )

    def _rotation(self, metadata: dict[str, Any]) -> int | None:
        if metadata.get("KeySpec", keys.SYMMETRIC) != keys.SYMMETRIC:
            return None
        status = self._client.get_key_rotation_status(KeyId=metadata["KeyId"])
        return status.get("RotationPeriodInDays", 0) if status["KeyRotationEnabled"] else None

    def _tags(self, key: str) -> dict[str, str]:
        return keys.tags_of(self._pages("list_resource_tags", "Tags", key))

    def _pages(self, call: str, items: str, key: str | None = None) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator(call).paginate(**({"KeyId": key} if key else {})):
            yield from page[items]
