"""Containers of an engine.

Source: the resource Container of the package docker 5.2; what makes a new one is `ForceNew` in
kreuzwerker/terraform-provider-docker 4. Beyond it, whatever an engine cannot change in place makes a new one: there a
change of `healthcheck`, `init`, `rm` or `tmpfs` is written into the state and nowhere else.
"""

import time
from typing import ClassVar

from docker import errors

from atoll.core.effect import Context, Failure, Outcome, Seen, Values
from atoll.core.errors import ArgsError, RefusedError
from atoll.provider.docker import container_config
from atoll.provider.docker.daemon import Daemon, told
from atoll.provider.docker.kinds import Kind

_LOOK = 0.1
"""Seconds between two looks at one that is waited for."""
_STEADY = 1.0
"""Seconds for which one runs before it counts: what ends at once has run for a moment too."""


class Container(Kind):
    """A container."""

    served = container_config.SERVED
    required = frozenset({"image"})
    defaults: ClassVar[Values] = dict(container_config.DEFAULTS)
    unordered = container_config.UNORDERED
    replace_on = container_config.SERVED - container_config.IN_PLACE
    outputs = frozenset({"bridge", "exitCode", "networkDatas"})

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def check(self, inputs: Values) -> list[Failure]:
        """What the stand-in does not serve, and what would be no container."""
        found = super().check(inputs)
        try:
            container_config.config({"image": "", **inputs}, "")
        except ArgsError as error:
            found.append(Failure("container", str(error)))
        except (KeyError, TypeError):
            # A part of it is not known yet; the next check tells.
            pass
        return found

    def lifts(self, name: str, new: Values) -> bool:
        """Whether a limit is not wanted any more."""
        return name in container_config.LIMITS and not new.get(name)

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """One that is started again has another address."""
        return self.outputs if not changed or "mustRun" in changed else frozenset()

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:
        """Makes the container and starts it; one of the same resource that was never recorded gives way.

        Raises:
            RefusedError: the engine does not do that; also where another container has the name.
        """
        wanted, image = inputs["name"], inputs["image"]
        owner = f"{context.owner}/{name}"
        if self._daemon.image(image) is None:
            context.report(f"pulling {image}")
            self._daemon.pull(image, "")
        self._clear(wanted, owner)
        with told(f"container {wanted}"):
            body = container_config.config(inputs, owner)
            made = self._daemon.api.create_container_from_config(body, wanted)["Id"]
            self._connect(made, inputs)
        return self._started(made, inputs, context, wanted=inputs.get("start", True))

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """One that was removed is gone, and made anew; an import names it by id or name."""
        found = self._daemon.container(id)
        if found is None:
            return None
        if inputs:
            now = {
                key: value
                for key, value in container_config.live(found).items()
                if self._drifted(key, value, inputs)
            }
            return Seen({**inputs, **now}, _outputs(found))
        image = self._daemon.image(found["Image"]) or {}
        return Seen(container_config.declared(found, image), _outputs(found), found["Id"])

    def _drifted(self, name: str, value: object, inputs: Values) -> bool:
        if name == "mustRun":
            # One that need not run, or was never to be started, may do either.
            return not value and inputs.get("mustRun", True) and inputs.get("start", True)
        if name == "memorySwap" and name not in inputs:
            # An engine makes one of `memory`.
            return False
        return not self.same(name, inputs.get(name), value)

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Sets limits and restart policy, and starts it where it must run and does not."""
        with told(f"container {inputs['name']}"):
            api = self._daemon.api
            url = f"{api.base_url}/v{api.api_version}/containers/{id}/update"
            api._raise_for_status(api.post(url, json=container_config.limits(inputs)))  # noqa: SLF001 - its own call knows fewer limits
        must = inputs.get("mustRun", True) and inputs.get("start", True)
        return self._started(id, inputs, context, wanted=must)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Ends it, with grace where that was asked for, and removes it."""
        with told(f"container {inputs['name']}"):
            try:
                if grace := inputs.get("destroyGraceSeconds"):
                    self._daemon.api.stop(id, timeout=grace)
                self._daemon.api.remove_container(id, v=inputs.get("removeVolumes", True), force=True)
            except errors.NotFound:
                return

    def _clear(self, name: str, owner: str) -> None:
        found = self._daemon.container(name)
        if found is None or str(found["Name"]).lstrip("/") != name:
            return
        if (found["Config"].get("Labels") or {}).get(container_config.OWNER) != owner:
            raise RefusedError(
                f"container {name}: found one of this name that is not ours ({found['Id'][:12]}); expected none. Remove "
                "it, import it, or choose another name."
            )
        with told(f"container {name}"):
            self._daemon.api.remove_container(found["Id"], v=True, force=True)

    def _connect(self, made: str, inputs: Values) -> None:
        """Puts it into networks of its own in place of the usual one."""
        wanted = inputs.get("networksAdvanced") or []
        if wanted and inputs.get("networkMode", "bridge") == "bridge":
            self._daemon.api.disconnect_container_from_network(made, "bridge")
        for each in wanted:
            self._daemon.api.connect_container_to_network(
                made,
                each["name"],
                ipv4_address=each.get("ipv4Address"),
                ipv6_address=each.get("ipv6Address"),
                aliases=each.get("aliases"),
                link_local_ips=each.get("linkLocalIps"),
            )

    def _started(self, made: str, inputs: Values, context: Context, *, wanted: bool) -> Outcome:
        """Starts it where that is wanted; what then is wrong is told with the container kept."""
        name, problems = inputs["name"], []
        found = self._inspected(made)
        if wanted and not found["State"]["Running"]:
            try:
                with told(f"container {name}"):
                    self._daemon.api.start(made)
            except RefusedError as error:
                problems.append(str(error))
            found = self._settled(made, inputs, context)
            problem = _problem(name, found, inputs)
            problems += [problem] if problem and not problems else []
        return Outcome(found["Id"], _outputs(found), tuple(problems))

    def _settled(self, made: str, inputs: Values, context: Context) -> Values:
        """Waits until it runs or ended, and until it is healthy where that is asked for."""
        healthy = bool(inputs.get("wait"))
        given = {**self.defaults, **inputs}
        limit = given["waitTimeout"] if healthy else given["containerReadRefreshTimeoutMilliseconds"] / 1000
        begin = time.monotonic()
        end = begin + max(limit, _STEADY)
        while True:
            found = self._inspected(made)
            state = found["State"]
            steady = not given["mustRun"] or time.monotonic() > begin + _STEADY
            fine = steady and (not healthy or (state.get("Health") or {}).get("Status") in {"healthy", None})
            done = state["Status"] in {"exited", "dead"} or (state["Running"] and fine)
            if done or time.monotonic() > end or context.cancelled.wait(_LOOK):
                return found
            context.report(f"waiting for container {inputs['name']}")

    def _inspected(self, made: str) -> Values:
        found = self._daemon.container(made)
        if found is None:
            raise RefusedError(
                f"container {made[:12]}: found it gone; expected it. Somebody else removes it."
            )
        return found


def _problem(name: str, found: Values, inputs: Values) -> str | None:
    """What is wrong with one that was started."""
    state = found["State"]
    if not state["Running"]:
        if not inputs.get("mustRun", True):
            return None
        return (
            f"container {name}: found it ended with exit code {state.get('ExitCode')}; expected it to run (mustRun). Look "
            f"into: docker logs {name}"
        )
    health = (state.get("Health") or {}).get("Status")
    if inputs.get("wait") and health != "healthy":
        return f"container {name}: found it {health or 'without a healthcheck'}; expected it healthy (wait)"
    return None


def _outputs(found: Values) -> Values:
    settings = found.get("NetworkSettings") or {}
    networks = [
        {
            "networkName": name,
            "ipAddress": each.get("IPAddress", ""),
            "ipPrefixLength": each.get("IPPrefixLen", 0),
            "gateway": each.get("Gateway", ""),
            "globalIpv6Address": each.get("GlobalIPv6Address", ""),
            "globalIpv6PrefixLength": each.get("GlobalIPv6PrefixLen", 0),
            "ipv6Gateway": each.get("IPv6Gateway", ""),
            "macAddress": each.get("MacAddress", ""),
        }
        for name, each in sorted((settings.get("Networks") or {}).items())
    ]
    state = found.get("State") or {}
    return {
        "bridge": settings.get("Bridge", ""),
        "exitCode": 0 if state.get("Running") else state.get("ExitCode", 0),
        "networkDatas": networks,
    }
