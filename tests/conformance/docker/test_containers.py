"""Images and containers by the real engines of Pulumi and of Docker.

Source: RemoteImage, Tag, RegistryImage and Container of pulumi_docker 5.2 (docstrings of their arguments), and the
resources of kreuzwerker/terraform-provider-docker 4 for what makes a new one (ForceNew).
"""

import pytest

from harness import docker, images

pytestmark = pytest.mark.timeout(240)
_WHOLE = """
found = docker.get_registry_image_output(name={image!r}, opts=there)
image = docker.RemoteImage("image", name={image!r}, pull_triggers=[found.sha256_digest], {image_more} opts=here)
tag = docker.Tag("tag", source_image=image.image_id, target_image=f"{{REGISTRY}}/{name}:copy", opts=here)
copy = docker.RegistryImage("copy", name=tag.target_image, opts=here)
container = docker.Container(
    "container",
    name="{name}",
    image=image.image_id,
    network_mode="none",
    envs=["B=2", "A=1", pulumi.Output.secret("PASSWORD=of-the-container")],
    labels=[{{"label": "team", "value": "crab"}}],
    {more}
    opts=here,
)
pulumi.export("digests", [found.sha256_digest, copy.sha256_digest, image.repo_digest])
pulumi.export("image", image.image_id)
pulumi.export("networks", container.network_datas.apply(lambda found: [each.network_name for each in found]))
"""
_NAMES = {"image", "tag", "copy", "container"}


@pytest.fixture
def whole(located, image, name):
    """Writes the program; arguments are added to container and image."""
    return lambda more="", image_more="": located.write(
        _WHOLE.format(image=image, name=name, more=more, image_more=image_more)
    )


def test_an_image_is_pulled_tagged_pushed_and_run_and_drift_is_mended(whole, daemon, pusher, image, name):
    located, here = whole(), image.rpartition(":")[0]
    first = located.up().succeeded()

    assert first.ops == dict.fromkeys(_NAMES, "create")
    found = located.outputs()
    pulled, pushed, repository = found["digests"]
    assert repository == f"{here}@{pulled}"
    assert pusher.status(f"/v2/{name}/manifests/{pushed}") == 200
    assert found["networks"] == ["none"]
    live = daemon.inspect_container(name)
    assert live["State"]["Running"]
    assert live["Image"] == found["image"]
    assert {"A=1", "B=2", "PASSWORD=of-the-container"} <= set(live["Config"]["Env"])
    assert live["Config"]["Labels"]["team"] == "crab"
    text = located.state_text()
    assert "of-the-container" not in text
    assert located.password not in text

    assert located.up("--refresh").succeeded().ops == {}
    # Neither order nor an input that says what holds anyway is a change.
    assert whole('must_run=True, restart="no",').preview().succeeded().ops == {}

    # What an engine changes of one that runs, leaves it running.
    assert whole('memory=32, restart="on-failure", max_retry_count=3,').up().succeeded().ops == {
        "container": "update"
    }
    changed = daemon.inspect_container(name)
    assert changed["Id"] == live["Id"]
    assert changed["HostConfig"]["Memory"] == 32 << 20
    assert changed["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}

    # Drift: a container and an image that somebody removed come back, and one that was stopped is started.
    daemon.update_container(name, restart_policy={"Name": "always"})
    drifted = located.up("--refresh").succeeded()
    assert drifted.steps["container"].changes.keys() == {"restart", "maxRetryCount"}
    daemon.stop(name, timeout=0)
    assert located.up("--refresh").succeeded().ops == {"container": "update"}
    again = daemon.inspect_container(name)
    assert again["Id"] == live["Id"]
    assert again["State"]["Running"]
    daemon.remove_container(name, force=True)
    for reference in (image, f"{here}:copy"):
        daemon.remove_image(reference, force=True)
    assert set(located.up("--refresh").succeeded().ops.values()) == {"create"}
    assert daemon.inspect_container(name)["State"]["Running"]

    # A tag that means another image by now: pulled again, and what stands on it made anew.
    moved = _moved(pusher, name)
    told = located.up().succeeded()
    assert told.ops["image"] == told.ops["container"] == "replace"
    assert located.outputs()["digests"][0] == moved
    assert daemon.inspect_container(name)["Image"] == daemon.inspect_image(image)["Id"]

    located.destroy().succeeded()
    assert daemon.containers(all=True, filters={"name": name}) == []
    assert pusher.status(f"/v2/{name}/manifests/{pushed}") == 404
    # "Deleting the resource will neither delete the source nor target images", says Tag.
    assert daemon.images(name=here) != []


def _moved(pusher, name):
    layer = docker.layer(f"{name} again")
    return pusher.push(name, "1", layer, images.runnable(layer, "/wait"))


_ALONE = """
container = docker.Container("container", image={image!r}, network_mode="none", {more} opts=here)
pulumi.export("name", container.name)
"""


def test_one_that_ends_at_once_is_told_and_kept_and_taken_up(located, image):
    line = located.write(_ALONE.format(image=image, more='command=["x"],')).up().refused()
    assert "found it ended with exit code 3; expected it to run (mustRun)" in line
    named = located.state()["container"]["outputs"]["name"]
    # A name of the engine's making, as of any resource that has none.
    assert named.startswith("container-")

    done = located.write(_ALONE.format(image=image, more='command=["x"], must_run=False,')).up().succeeded()

    assert done.ops == {"container": "update"}
    assert located.state()["container"]["outputs"]["exitCode"] == 3
    assert located.outputs()["name"] == named


def test_a_name_of_somebody_else_is_refused_and_what_a_killed_run_made_gives_way(
    located, daemon, image, name
):
    body = _ALONE.format(image=image, more=f'name="{name}",')
    located.write(body).up().succeeded()
    made = daemon.inspect_container(name)["Id"]
    # As a run leaves it that was killed before the state was written.
    located._call("state", "delete", located.state()["container"]["urn"], "--yes")

    located.up().succeeded()

    assert daemon.inspect_container(name)["Id"] != made
    located.destroy().succeeded()
    daemon.create_container(image, name=name)
    try:
        assert "found one of this name that is not ours" in located.up().refused()
    finally:
        daemon.remove_container(name)


def test_one_that_was_made_by_hand_is_imported_as_it_is(located, daemon, image, name):
    login = {"username": "crab", "password": located.password}
    daemon.pull(image, auth_config=login)
    host = daemon.create_host_config(
        network_mode="none", mem_limit=32 << 20, read_only=True, cap_drop=["ALL"]
    )
    made = daemon.create_container(
        image, name=name, environment=["A=1"], labels={"team": "crab"}, host_config=host
    )
    daemon.start(made)
    more = f"""name="{name}", memory=32, read_only=True, capabilities={{"drops": ["ALL"]}}, envs=["A=1"],
    labels=[{{"label": "team", "value": "crab"}}],"""
    body = _ALONE.format(image=image, more=more).replace(
        "opts=here", f"opts=ResourceOptions(provider=engine, import_={made['Id']!r})"
    )

    done = located.write(body).up().succeeded()

    assert done.ops == {"container": "import"}
    assert located.write(_ALONE.format(image=image, more=more)).up("--refresh").succeeded().ops == {}
    assert daemon.inspect_container(name)["Id"] == made["Id"]
