"""What makes the member's side of a join real."""

from datetime import UTC, datetime, timedelta

from atoll.core import lifetimes
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import RefusedError, UnavailableError
from atoll.federation import forgetting, joining
from atoll.host import Environment, hearing
from atoll.kubernetes import Api, ApiError, Kubeconfig
from atoll.kubernetes.client import LOOK_SECONDS

TOKEN_LIFE = timedelta(days=365)
"""Karmada 1.18 goes on with the old token until it restarts, so that short lives would cut members off.

A cloud's API server may grant less: `expires` is what it granted.
"""
_OUTPUTS = frozenset(
    {"endpoint", "authority", "token", "impersonatorToken", "identifier", "expires", "lifeSeconds"}
)
_GONE = {403, 404}
_CONNECT_SECONDS = 2.0
"""Three tries of it are made: a member whose packets nobody answers holds nothing up for long."""
_WRITE_SECONDS = 15.0
"""A busy server takes seconds for a write; a frozen one never answers."""


class MemberAccess(Effect):
    """Service accounts, what they may do, and their tokens, in the member itself."""

    replace_on = frozenset({"name"})
    secret_outputs = frozenset({"token", "impersonatorToken"})
    outputs = _OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """Names are checked where they are declared."""
        return []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Every write brings new tokens; only another cluster brings another address and identity."""
        return _OUTPUTS if changed else _OUTPUTS - {"endpoint", "authority", "identifier"}

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """Less than a third of the tokens' life is left, or it has not begun: then servers refuse them as well."""
        expires = outputs.get("expires")
        if not expires:
            return "its tokens were never made"
        life = timedelta(seconds=outputs.get("lifeSeconds") or TOKEN_LIFE.total_seconds())
        end, now = datetime.fromisoformat(expires), datetime.now(UTC)
        if lifetimes.not_begun(end, life, now):
            return f"its tokens begin at {(end - life).isoformat()}, after now: the clock was set back"
        return f"its tokens end at {expires}" if lifetimes.near_end(end, life, now) else None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Writes the objects and asks for the tokens; one that was forgotten is as any other again."""
        member = inputs["name"]
        api = Api(Kubeconfig.read(inputs["access"]), connect=_CONNECT_SECONDS, read=_WRITE_SECONDS)
        identity = _identity(api)
        _refuse_another_federation(api, member)
        if environment := Environment.given():
            forgetting.recall(environment, member)
        for manifest in joining.member_side(member):
            api.apply(manifest, force=True)
        token, expires = _token(api, joining.account(member))
        impersonator, _ = _token(api, joining.IMPERSONATOR)
        outputs = {
            **identity,
            "token": token,
            "impersonatorToken": impersonator,
            "expires": expires.isoformat(),
            "lifeSeconds": (expires - datetime.now(UTC)).total_seconds() // 60 * 60,
        }
        return Outcome(member, outputs)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Gone where an object of it is; the tokens are what the state holds."""
        if not inputs:
            return None
        hearing.demand(id)
        api = Api(Kubeconfig.read(inputs["access"]), connect=_CONNECT_SECONDS, read=LOOK_SECONDS)
        # Asked first: what is no Kubernetes at all has none of the objects either, and they are not gone.
        identity = _identity(api)
        if not _is_whole(api, id):
            return None
        return Seen(inputs, {**outputs, **identity})

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Writes the objects again and asks for new tokens."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Takes Karmada's rights away; a member that is dead keeps them and is named, one to forget is not asked."""
        if (environment := Environment.given()) and forgetting.is_noted(environment, id):
            return
        api = Api(Kubeconfig.read(inputs["access"]), connect=_CONNECT_SECONDS, read=LOOK_SECONDS)
        try:
            _leave(api, id)
        except UnavailableError:
            context.warn(
                f"member {id}: found no answer at {api.kubeconfig.server}; expected to take Karmada's rights away. "
                f"If it comes back, delete the ClusterRoleBinding {joining.role(id)} in it."
            )


def _is_whole(api: Api, member: str) -> bool:
    """Whether the member has all objects of the join; in as few questions as tell, since every look asks every member."""
    listed = api.find(joining.ACCOUNTS) or {}
    found = {each["metadata"]["name"] for each in listed.get("items") or []}
    return found >= joining.accounts(member) and all(map(api.find, joining.rights(member)))


def _refuse_another_federation(api: Api, member: str) -> None:
    """Karmada's controllers keep one role in a member, and whichever plane leaves first takes it from the other."""
    known = {manifest["metadata"]["name"] for manifest in joining.member_side(member)} | {"default"}
    accounts = api.items("v1", "ServiceAccount", joining.CLUSTER_NAMESPACE)
    others = sorted({each["metadata"]["name"] for each in accounts} - known)
    if others:
        raise RefusedError(
            f"member {member}: found {', '.join(others)} in it, the account of another federation; expected a cluster "
            f"in none. Take it out there; if that one is no more, delete namespace {joining.CLUSTER_NAMESPACE} in it"
        )


def _leave(api: Api, member: str) -> None:
    # The namespace stays: a control plane that is a member itself keeps its members' secrets there.
    for manifest in reversed(joining.member_side(member)[1:]):
        try:
            api.delete(manifest)
        except ApiError as error:
            if error.code not in _GONE:
                raise


def _identity(api: Api) -> Values:
    return {
        "endpoint": api.kubeconfig.server,
        "authority": api.kubeconfig.authority.decode(),
        "identifier": api.identifier(),
    }


def _token(api: Api, account: str) -> tuple[str, datetime]:
    request = joining.token_request(int(TOKEN_LIFE.total_seconds()))
    status = api.request("POST", joining.token_path(account), request)["status"]
    return status["token"], datetime.fromisoformat(status["expirationTimestamp"])
