"""An environment whose state is in a bucket: made by bootstrap, used by the engine, seen from another machine."""

import json

import boto3
import pytest
import yaml

from atoll.core.errors import Exit
from e2e.checkout import Checkout
from harness.kms import served

pytestmark = pytest.mark.timeout(300)
NAME, BUCKET, REGION = "shared", "atoll-e2e-state", "eu-central-1"


@pytest.fixture
def cloud(checkout, monkeypatch):
    """A KMS and an S3 in which the caller has a login; the S3 as its owner sees it."""
    monkeypatch.setitem(checkout.variables, "AWS_ACCESS_KEY_ID", "atoll-tests")
    monkeypatch.setitem(checkout.variables, "AWS_SECRET_ACCESS_KEY", "atoll-tests")
    with served() as port:
        endpoint = f"http://127.0.0.1:{port}"
        declared = {
            "controlPlane": {"driver": "local"},
            "kms": {"driver": "aws", "key": "alias/shared", "region": REGION, "endpoint": endpoint},
            "clusters": {"reef": {"driver": "local"}},
            "state": {"bucket": BUCKET, "region": REGION, "endpoint": endpoint},
        }
        inventory = checkout.folder / "stacks" / f"{NAME}.yaml"
        inventory.write_text(yaml.safe_dump(declared))
        session = boto3.session.Session("atoll-tests", "atoll-tests", region_name=REGION)
        try:
            yield session.client("s3", endpoint_url=endpoint)
        finally:
            checkout.atoll("down", NAME, "--force", code=None)
            inventory.unlink()
            (checkout.folder / "stacks" / f"Pulumi.{NAME}.yaml").unlink(missing_ok=True)


def _kept(s3):
    """What the state in the bucket holds, and how it is encrypted there."""
    found = s3.get_object(Bucket=BUCKET, Key=f".pulumi/stacks/atoll/{NAME}.json")
    latest = json.loads(found["Body"].read())["checkpoint"]["latest"]
    return found, [each["urn"] for each in latest.get("resources") or []]


def test_a_state_in_a_bucket_serves_every_command_and_every_machine(checkout, cloud):
    shown = checkout.report("bootstrap", NAME, "--check", code=Exit.CHANGES)
    made = checkout.report("bootstrap", NAME)
    assert made["changes"] == shown["changes"]
    assert made["key"].startswith(f"arn:aws:kms:{REGION}:")

    assert checkout.report("up", NAME)["exit"] == Exit.DONE
    found, resources = _kept(cloud)
    assert len(resources) > 2
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", made["key"])
    assert not list(checkout.environment(NAME).state.rglob("*.json"))
    assert checkout.report("up", NAME)["changes"] == []
    assert checkout.report("secrets", "check", NAME)["opened"] > 0
    refused = checkout.atoll("secrets", "rekey", NAME, code=Exit.REFUSED)
    assert refused.stderr.startswith(f"environment {NAME}: found its state in bucket {BUCKET}; expected ")

    elsewhere = Checkout(checkout.folder, checkout.home.parent / "two")
    elsewhere.variables |= {
        name: checkout.variables[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    exported = json.loads(elsewhere.shell(NAME, "pulumi stack export").stdout)["deployment"]["resources"]
    elsewhere.atoll("down", NAME, "--force")
    # Each run puts them in its own order.
    assert {each["urn"] for each in exported} == set(resources)

    told = checkout.atoll("down", NAME).stdout
    assert told.endswith(
        f"environment {NAME}: removed here; its stack, which holds nothing, stays in bucket {BUCKET}\n"
    )
    assert _kept(cloud)[1] == []
    assert (checkout.folder / "stacks" / f"Pulumi.{NAME}.yaml").exists()
