"""An ECR as repositories are kept in it: looks at them, makes, writes, removes."""

import base64
import contextlib
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from atoll.core import tags
from atoll.core.errors import RefusedError
from atoll.core.writes import Write
from atoll.registry import ecr, repositories, sharing
from atoll.registry.ecr import Access
from atoll.registry.logins import Login
from atoll.registry.repositories import Live, Wanted


@dataclass(frozen=True)
class Service:
    """The registry of one account in one region. All its calls may be sent again."""

    access: Access
    client: Any

    def look(self, name: str) -> Live | None:
        """A repository by its name; None where there is none."""
        try:
            with ecr.problems(self.access, f"repository {name}"):
                (found,) = self.client.describe_repositories(repositoryNames=[name])["repositories"]
                listed = self.client.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
                return Live(
                    description=found,
                    policy=self._text(name, "get_repository_policy", "policyText"),
                    lifecycle_policy=self._text(name, "get_lifecycle_policy", "lifecyclePolicyText"),
                    tags=repositories.tags_of(listed),
                )
        except ecr.MissingError:
            return None

    def expect(self, wanted: Wanted) -> Live:
        """A repository that must be there.

        Raises:
            RefusedError: it is not, or carries somebody else's mark by now.
        """
        live = self.look(wanted.name)
        if live is None:
            raise RefusedError(
                f"{self.access.label}: repository {wanted.name}: found none; expected the one that the state knows. Where it was "
                "deleted, a refresh says so."
            )
        if live.tags.get(tags.OWNER, wanted.owner) != wanted.owner:
            self._refuse_foreign(live, wanted)
        return live

    def ensure(self, wanted: Wanted) -> Live:
        """Takes up the repository of a declaration, or makes it.

        Raises:
            RefusedError: there is one of that name which is somebody else's.
        """
        live = self.look(wanted.name)
        if live is None:
            # An answer that was lost, or somebody else just now: its mark tells.
            with contextlib.suppress(ecr.TakenError):
                self.write(f"repository {wanted.name}", repositories.creation(wanted))
            live = self.expect(wanted)
        if not live.is_marked(wanted):
            self._refuse_foreign(live, wanted)
        return live

    def write(self, what: str, write: Write) -> None:
        """Makes one change; that something is gone already which is to go is no error."""
        try:
            with ecr.problems(self.access, what):
                getattr(self.client, write.call)(**write.arguments)
        except ecr.MissingError:
            if not write.call.startswith("delete_"):
                raise

    def remove(self, wanted: Wanted) -> None:
        """Deletes a repository; one that holds images only where that was said.

        Raises:
            FullError: it holds images.
            RefusedError: it carries somebody else's mark by now.
        """
        if self.look(wanted.name) is not None:
            self.expect(wanted)
            arguments = {"repositoryName": wanted.name, "force": wanted.force_delete}
            self.write(f"repository {wanted.name}", Write("delete_repository", arguments))

    def registry(self, *, caches: bool) -> sharing.Live:
        """What the whole registry shares; its caches are asked for only where somebody has to know them."""
        with ecr.problems(self.access, "registry"):
            found = self.client.describe_registry()
            rules = (found.get("replicationConfiguration") or {}).get("rules") or ()
            return sharing.Live(found["registryId"], tuple(rules), self._caches() if caches else {})

    def _caches(self) -> dict[str, Any]:
        pages = self.client.get_paginator("describe_pull_through_cache_rules").paginate()
        return {each["ecrRepositoryPrefix"]: each for page in pages for each in page["pullThroughCacheRules"]}

    def login(self) -> Login:
        """A login that ends within twelve hours. Source: API_GetAuthorizationToken."""
        with ecr.problems(self.access, "login"):
            (found,) = self.client.get_authorization_token()["authorizationData"]
        user, _, password = base64.b64decode(found["authorizationToken"]).decode().partition(":")
        address = found["proxyEndpoint"].removeprefix("https://")
        return Login(address, user, password, ends=found["expiresAt"])

    def _text(self, name: str, call: str, key: str) -> str:
        """A policy of a repository, empty where it has none."""
        try:
            with ecr.problems(self.access, f"repository {name}"):
                return str(getattr(self.client, call)(repositoryName=name)[key])
        except ecr.MissingError:
            return ""

    def _refuse_foreign(self, live: Live, wanted: Wanted) -> NoReturn:
        owner = live.tags.get(tags.OWNER)
        whose = f"{owner}'s" if owner else "nobody's that is known"
        raise RefusedError(
            f"{self.access.label}: repository {wanted.name}: found one that is {whose}; expected none, or one of "
            f"{wanted.owner}. Choose another name, or import it."
        )


@cache
def service(access: Access) -> Service:
    """One for all that is asked of an ECR: its connections and its patience are shared."""
    return Service(access, ecr.client(access))
