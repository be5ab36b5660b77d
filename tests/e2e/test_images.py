"""The example of an image of one's own: built from scratch, pushed with a login, deployed to two members by its digest.

Where there is a Docker engine, it runs there too.
"""

import functools
import json
import re
import shutil

import pytest

from atoll import toolchain
from atoll.core.errors import Exit
from atoll.registry.local import building
from conformance.kubernetes import engines
from e2e import looking
from harness import docker
from harness.waiting import until

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(bool(building.lacking()), reason=f"BuildKit: {building.lacking()}"),
]
NAME, MEMBERS = "store", ("islet", "skerry")
_DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "store", "namespace": "store"},
}


@pytest.fixture
def daemon():
    """A client of a Docker engine, or None where there can be none; the paths of its sockets have to be short."""
    if docker.lacking():
        yield None
        return
    with engines.folder("dockerd-") as folder, docker.served(folder) as address:
        client = docker.client(address)
        yield client
        client.close()


@pytest.fixture
def example(checkout, daemon):
    """The example as its first lines say, in a checkout of the tests, with a container where there is an engine."""
    folder = checkout.folder / "examples" / NAME
    inventory = checkout.folder / "stacks" / f"{NAME}.yaml"
    shutil.copy(folder / f"{NAME}.yaml", inventory)
    if daemon:
        before, _, marked = inventory.read_text().partition("# containers:")
        told = f"containers:{marked}".replace("\n# ", "\n")
        # The engine of the tests has no network of its own.
        inventory.write_text(
            before + told.replace("network: host", f"network: none\n    engine: {daemon.address}")
        )
    shutil.copy(toolchain.ensure(["etcd"])["etcd"], folder / "image" / "etcd")
    notice = folder / "image" / "notice"
    before = notice.read_text()
    try:
        yield checkout, notice
    finally:
        checkout.atoll("down", NAME, "--force", code=None)
        notice.write_text(before)
        inventory.unlink()
        (checkout.folder / "stacks" / f"Pulumi.{NAME}.yaml").unlink(missing_ok=True)


def _live(checkout, member):
    """A member's Deployment once it is available as it was last written."""
    found = checkout.api(NAME, member).get(_DEPLOYMENT)
    status = (found or {}).get("status", {})
    seen = found and status.get("observedGeneration") == found["metadata"]["generation"]
    return found if seen and status.get("updatedReplicas") == status.get("availableReplicas") == 1 else None


def _running(checkout):
    """The image that each member's Deployment runs, once it is available."""
    found = {}
    for member in MEMBERS:
        what = f"{member} has the Deployment available"
        until(functools.partial(_live, checkout, member), what, 120)
        found[member] = checkout.api(NAME, member).get(_DEPLOYMENT)["spec"]["template"]["spec"]["containers"][
            0
        ]["image"]
    return found


def _outputs(checkout):
    """The stack's outputs; the state that they are in holds no login of the registry."""
    environment = checkout.environment(NAME)
    text = (environment.state / ".pulumi" / "stacks" / "atoll" / f"{NAME}.json").read_text()
    logins = json.loads((environment.folder / "registries" / "depot" / "logins.json").read_text())
    assert len(logins) == 2
    assert not [password for password in logins.values() if password in text]
    resources = json.loads(text)["checkpoint"]["latest"]["resources"]
    (stack,) = (each for each in resources if each["type"] == "pulumi:pulumi:Stack")
    return stack["outputs"]


def _contained(daemon):
    """The image that the container runs."""
    found = daemon.inspect_container(NAME)
    assert found["State"]["Running"]
    return daemon.inspect_image(found["Image"])["RepoDigests"]


def test_an_image_goes_from_its_folder_to_the_members_by_its_digest(example, daemon):
    checkout, notice = example
    assert checkout.report("up", NAME)["exit"] == Exit.DONE
    first = _outputs(checkout)
    address = first["registries"]["depot"]["address"]
    ref = first["images"]["store"]["ref"]
    assert re.fullmatch(rf"{address}/team/store@sha256:[0-9a-f]{{64}}", ref)
    chart = first["publications"]["service"]["ref"]
    assert re.fullmatch(rf"oci://{address}/charts/service@sha256:[0-9a-f]{{64}}", chart)
    assert set(_running(checkout).values()) == {ref}
    if daemon:
        assert _contained(daemon) == [ref]

    assert checkout.report("up", NAME)["changes"] == []

    notice.write_text(notice.read_text().replace("island", "Island"))
    what_uses_it = {
        "Image store-image",
        "RenderedChart store-chart",
        "Deployment control-plane-deployment.apps.store.store",
        "PropagationStatus store-release-status",
    }
    if daemon:
        what_uses_it |= {"RemoteImage store-image", "Container store-container"}
    assert looking.changed(checkout.report("up", NAME, "--check", code=Exit.CHANGES)) == what_uses_it
    assert looking.changed(checkout.report("up", NAME)) == what_uses_it
    second = _outputs(checkout)
    now = second["images"]["store"]["ref"]
    assert now != ref
    # What is secret is encrypted anew by every run.
    others = {"images": None, "controlPlaneAccess": None}
    assert second | others == first | others
    assert set(_running(checkout).values()) == {now}
    if daemon:
        assert _contained(daemon) == [now]

    folder = checkout.environment(NAME).folder
    checkout.atoll("down", NAME)
    assert not folder.exists()
    if daemon:
        assert (daemon.containers(all=True), daemon.images()) == ([], [])
    assert looking.processes(folder) == []
    assert not (checkout.folder / "stacks" / f"Pulumi.{NAME}.yaml").exists()
