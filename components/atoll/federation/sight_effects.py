"""What a member has of a bundle: asked directly, and through the plane where that is not possible."""

from atoll.core.errors import UnavailableError
from atoll.federation import delivery, works
from atoll.federation.delivery import Wanted
from atoll.federation.direct_effects import Ways
from atoll.federation.joining import CLUSTERS
from atoll.federation.trial_effects import Trial
from atoll.federation.works import Bundle
from atoll.kubernetes import Api, ApiError, identities
from atoll.kubernetes.client import LOOK_SECONDS, Manifest

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class Sight:
    """Looks at what one member has of a bundle; what was seen as written is not asked for again."""

    def __init__(self, plane: Api, bundle: Bundle, member: str, ways: Ways) -> None:
        self.plane, self.bundle, self.member, self._ways = plane, bundle, member, ways
        self._is_direct = True
        self._copies = dict(zip(bundle.wanted(member), bundle.copies(member), strict=True))
        self._served: set[Wanted] = set()
        self._fresh: set[tuple[str, str]] = set()
        """The kinds, (version, kind), of what is to become another one."""
        self._trial = Trial(ways, member)

    @property
    def delivered(self) -> int:
        """How many objects were seen as they are written."""
        return len(self._served)

    def expect(self, work: Manifest | None) -> None:
        """Learns what is to become another one, by the Work as it was: that is looked at first."""
        before = {identities.of(each): delivery.revision(each) for each in works.manifests(work)}
        self._fresh = {
            (each.api_version, each.kind)
            for each in self._copies
            if before.get(identities.of(each.manifest)) != each.revision
        }

    def lags(self, *, whole: bool = True, fresh: bool = False) -> dict[Wanted, str]:
        """Each object that is not as it is written, and why: one list for each kind in place of a request for each object.

        Karmada writes in order, so that who only waits asks for the last kind that lags, and not for the `whole`; `fresh`
        asks for nothing but the kinds of what is written anew.

        Raises:
            AtollError: the member cannot be asked.
        """
        found: dict[Wanted, str] = {}
        kinds: dict[tuple[str, str], list[Wanted]] = {}
        for each in reversed(self._copies):
            if each not in self._served and (not fresh or (each.api_version, each.kind) in self._fresh):
                kinds.setdefault((each.api_version, each.kind), []).append(each)
        for (version, kind), wanted in kinds.items():
            found |= self._of_kind(version, kind, wanted)
            if found and not whole:
                break
        return found

    def path(self, manifest: Manifest) -> str:
        """Where an object of the member is reached. The plane has to know its kind, since Karmada does not carry others."""
        return f"{CLUSTERS}/{self.member}/proxy{self.plane.path(manifest)}"

    def is_known(self, manifest: Manifest) -> bool:
        """Whether the plane serves a kind."""
        return self.plane.resource(manifest["apiVersion"], manifest["kind"]) is not None

    def get(self, manifest: Manifest) -> Manifest | None:
        """An object as the member has it."""
        return self._find(self.plane.path(manifest))

    def _of_kind(self, version: str, kind: str, wanted: list[Wanted]) -> dict[Wanted, str]:
        spaces = {each.namespace for each in wanted}
        space = spaces.pop() if len(spaces) == 1 else None
        try:
            collection = self.plane.collection(version, kind, space)
        except ApiError as error:
            return dict.fromkeys(wanted, f"the control plane does not know it ({error})")
        live = {
            (each["metadata"].get("namespace"), each["metadata"]["name"]): {
                "apiVersion": version,
                "kind": kind,
                **each,
            }
            for each in self._items(collection)
        }
        lags = {}
        for each in wanted:
            reason = self._reason(each, live.get((each.namespace, each.name)))
            if reason is None:
                self._served.add(each)
            else:
                lags[each] = reason
        return lags

    def _items(self, collection: str) -> list[Manifest]:
        """What the member has of the bundle in one place; nothing where it does not serve that."""
        return (self._find(collection, self.bundle.selector) or {}).get("items") or []

    def _find(self, path: str, query: dict[str, str] | None = None) -> Manifest | None:
        """What the member has at a path, or None."""
        try:
            found = self._directly(path, query)
            return found or self.plane.request(
                "GET", f"{CLUSTERS}/{self.member}/proxy{path}", query=query, timeout=LOOK_SECONDS
            )
        except ApiError as error:
            if error.code != _NOT_FOUND:
                raise
            return None

    def _directly(self, path: str, query: dict[str, str] | None) -> Manifest | None:
        """None once there is no direct way: it is not tried again, since each try may wait for its time limit."""
        if not self._is_direct:
            return None
        try:
            return self._ways.to(self.member).request("GET", path, query=query)
        except ApiError as error:
            if error.code not in {_UNAUTHORIZED, _FORBIDDEN}:
                raise
        except UnavailableError:
            pass
        self._is_direct = False
        return None

    def _reason(self, wanted: Wanted, live: Manifest | None) -> str | None:
        if live is None:
            return "it is not there"
        reason = delivery.lag(wanted, live)
        if reason is not None:
            return reason.removeprefix(wanted.label).lstrip(": ")
        return self._drift(wanted, live) if works.was_touched(live) else None

    def _drift(self, wanted: Wanted, live: Manifest) -> str | None:
        try:
            return self._trial.drift(self._copies[wanted], live)
        except UnavailableError:
            # Who wrote it is no proof that it is another one, and nobody can tell from here.
            return None

    def refusal(self, wanted: Wanted) -> str | None:
        """Why the member will never take an object as it is, or None where it may, or where nobody can tell from here."""
        overwrite = self.bundle.inputs.get("conflictResolution") == works.ConflictResolution.OVERWRITE
        try:
            return self._trial.refusal(self._copies[wanted], overwrite=overwrite)
        except UnavailableError:
            return None
