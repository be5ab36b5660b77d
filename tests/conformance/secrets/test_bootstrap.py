"""Key and bucket of a shared environment, made in a real KMS and a real S3 endpoint, taken up again, mended."""

import contextlib
import dataclasses
import http.client
import json
import os
import ssl

import boto3
import pytest
import yaml

from atoll.automation import bootstrap, buckets
from atoll.automation.bootstrap import Change
from atoll.core import x509
from atoll.core.errors import Exit, RefusedError, UnavailableError
from atoll.platform import load
from harness.kms import Fault, Proxy, served
from harness.processes import Told

REGION = "eu-central-1"


class Cloud:
    """A KMS behind a proxy, an S3, and an inventory that names both."""

    def __init__(self, kms, s3, folder):
        self.kms, self.s3, self._folder = Proxy(kms), f"https://127.0.0.1:{s3}", folder

    def inventory(self, name="shared", **state):
        """An environment whose state is in a bucket of its own."""
        declared = {
            "controlPlane": {"driver": "local"},
            "kms": {"driver": "aws", "key": f"alias/{name}", "region": REGION, "endpoint": self.kms.endpoint},
            "state": {"bucket": f"state-of-{name}", "region": REGION, "endpoint": self.s3, **state},
        }
        (self._folder / f"{name}.yaml").write_text(yaml.safe_dump(declared))
        return load(self._folder, name)

    def made(self, inventory, **words):
        """What bootstrap reports."""
        return bootstrap.bootstrap(inventory, Told(), **words)

    def client(self, service, region=REGION):
        """The owner's own look at the cloud."""
        endpoint = self.kms.endpoint if service == "kms" else self.s3
        return boto3.client(service, region_name=region, endpoint_url=endpoint)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The ports of a KMS and of an S3 over TLS, and the file of whom to trust for that."""
    folder = tmp_path_factory.mktemp("tls")
    authority = x509.authority("cloud")
    pair = x509.leaf(authority, x509.Subject("s3", hosts=("127.0.0.1",)))
    for name, content in (("ca", authority.certificate), ("crt", pair.certificate), ("key", pair.key)):
        (folder / name).write_bytes(content)
    # Over plain HTTP nobody may reach a bucket of a state.
    with served() as kms, served("-s", "-c", f"{folder}/crt", "-k", f"{folder}/key") as s3:
        yield kms, s3, folder / "ca"


@pytest.fixture
def cloud(servers, tmp_path, monkeypatch):
    """A cloud with nothing in it, and a login."""
    kms, s3, authority = servers
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "atoll-tests")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    made = Cloud(kms, s3, tmp_path)
    _told(http.client.HTTPConnection("127.0.0.1", kms, timeout=10), "reset")
    _told(_over_tls(made), "reset")
    yield made
    made.kms.stop()


def _over_tls(cloud):
    trust = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    return http.client.HTTPSConnection(cloud.s3.removeprefix("https://"), timeout=10, context=trust)


def _told(connection, what, body=""):
    """Has a server forget everything (`reset`), or let so many more requests in unchecked (`reset-auth`)."""
    with contextlib.closing(connection):
        connection.request("POST", f"/moto-api/{what}", body, {"content-type": "text/plain"})
        assert connection.getresponse().status == 200


def _settings(cloud, bucket):
    """A bucket as its owner sees it, without the library's own words about its answers."""
    s3 = cloud.client("s3")
    calls = ("versioning", "encryption", "ownership_controls", "policy", "lifecycle_configuration", "tagging")
    found = {name: getattr(s3, f"get_bucket_{name}")(Bucket=bucket) for name in calls}
    found["public"] = s3.get_public_access_block(Bucket=bucket)
    for each in found.values():
        each.pop("ResponseMetadata")
    return found


def _about(report):
    return [(each.what, each.change) for each in report.changes]


STEPS = [about for about in buckets.SETTINGS if about != "ownership"]
"""What follows when a bucket is made, which has that from the first moment."""
EVERYTHING = [
    ("key alias/shared", "made"),
    ("bucket state-of-shared", "made"),
    *(("bucket state-of-shared", about) for about in STEPS),
]


def test_key_and_bucket_are_made_and_the_next_run_changes_nothing(cloud):
    inventory = cloud.inventory()

    shown = cloud.made(inventory, check=True)
    assert (_about(shown), shown.code) == (EVERYTHING, Exit.CHANGES)
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    assert cloud.kms.writes == []

    report = cloud.made(inventory)
    assert (_about(report), report.code) == (EVERYTHING, Exit.DONE)
    found = _settings(cloud, report.bucket)
    assert found["versioning"]["Status"] == "Enabled"
    (rule,) = found["encryption"]["ServerSideEncryptionConfiguration"]["Rules"]
    by = rule["ApplyServerSideEncryptionByDefault"]
    assert (by["SSEAlgorithm"], by["KMSMasterKeyID"], rule["BucketKeyEnabled"]) == (
        "aws:kms",
        report.key,
        True,
    )
    assert set(found["public"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert found["ownership_controls"]["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    (statement,) = json.loads(found["policy"]["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
    (ends,) = found["lifecycle_configuration"]["Rules"]
    # The newest version of a state never ends.
    assert "Expiration" not in ends
    assert ends["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    kms = cloud.client("kms")
    key = kms.describe_key(KeyId="alias/shared")["KeyMetadata"]
    assert key["Arn"] == report.key
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]

    cloud.kms.asked.clear()
    for check in (False, True):
        again = cloud.made(inventory, check=check)
        assert (again.changes, again.code, again.key) == ([], Exit.DONE, report.key)
    assert cloud.kms.writes == []
    assert _settings(cloud, report.bucket) == found
    assert report.backend == buckets.url(inventory.state)


DRIFT = {
    "mark": lambda s3, bucket: s3.delete_bucket_tagging(Bucket=bucket),
    "public access": lambda s3, bucket: s3.delete_public_access_block(Bucket=bucket),
    "ownership": lambda s3, bucket: s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    ),
    "versioning": lambda s3, bucket: s3.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    ),
    "encryption": lambda s3, bucket: s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    ),
    "policy": lambda s3, bucket: s3.delete_bucket_policy(Bucket=bucket),
    "lifecycle": lambda s3, bucket: s3.delete_bucket_lifecycle(Bucket=bucket),
}


def test_drift_of_each_setting_is_told_and_mended_alone(cloud):
    inventory = cloud.inventory()
    bucket = cloud.made(inventory).bucket
    before, s3 = _settings(cloud, bucket), cloud.client("s3")
    assert tuple(DRIFT) == buckets.SETTINGS

    for about, spoil in DRIFT.items():
        spoil(s3, bucket)
        assert cloud.made(inventory).changes == [Change(f"bucket {bucket}", about)]
    assert _settings(cloud, bucket) == before
    DRIFT["policy"](s3, bucket)
    assert _about(cloud.made(inventory, check=True)) == [(f"bucket {bucket}", "policy")]
    assert _about(cloud.made(inventory)) == [(f"bucket {bucket}", "policy")]

    kms = cloud.client("kms")
    kms.disable_key_rotation(KeyId=kms.describe_key(KeyId="alias/shared")["KeyMetadata"]["KeyId"])
    assert _about(cloud.made(inventory)) == [("key alias/shared", "rotation")]


def test_what_others_set_beside_it_stays(cloud):
    inventory = cloud.inventory()
    bucket = cloud.made(inventory).bucket
    s3 = cloud.client("s3")
    theirs = {
        "Sid": "Theirs",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": f"arn:aws:s3:::{bucket}",
    }
    rule = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": theirs}))
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [*tags, {"Key": "team", "Value": "blue"}]})

    assert [each.change for each in cloud.made(inventory).changes] == ["policy", "lifecycle"]
    found = _settings(cloud, bucket)

    assert json.loads(found["policy"]["Policy"])["Statement"][0]["Sid"] == "Theirs"
    assert {each["ID"] for each in found["lifecycle_configuration"]["Rules"]} > {"theirs"}
    assert {"Key": "team", "Value": "blue"} in found["tagging"]["TagSet"]
    assert cloud.made(inventory).changes == []


class _KilledError(BaseException):
    """As a kill is, nobody catches it."""


@pytest.mark.parametrize("after", range(len(STEPS) + 1))
def test_killed_between_any_two_steps_it_is_completed(cloud, monkeypatch, after):
    inventory, left = cloud.inventory(), iter(range(after))
    write = bootstrap.Storage.write

    def killed(self, each):
        if next(left, None) is None:
            raise _KilledError
        write(self, each)

    monkeypatch.setattr(bootstrap.Storage, "write", killed)
    with pytest.raises(_KilledError):
        cloud.made(inventory)
    monkeypatch.setattr(bootstrap.Storage, "write", write)
    report = cloud.made(inventory)

    assert len(report.changes) == len(STEPS) + 1 - after
    assert cloud.made(inventory).changes == []
    assert len(cloud.client("kms").list_keys()["Keys"]) == 1


@pytest.mark.parametrize("action", ["CreateKey", "CreateAlias", "EnableKeyRotation"])
def test_a_key_whose_making_ended_half_way_is_taken_up(cloud, action):
    inventory = cloud.inventory()
    with (
        cloud.kms.failing(Fault(action, code="InternalException", delivered=action == "CreateKey")),
        pytest.raises(UnavailableError),
    ):
        cloud.made(inventory)
    report = cloud.made(inventory)

    (key,) = cloud.client("kms").list_keys()["Keys"]
    assert report.key == key["KeyArn"]
    assert cloud.made(inventory).changes == []


def test_a_bucket_of_another_environment_or_with_others_objects_is_left_alone(cloud):
    bucket = cloud.made(cloud.inventory()).bucket
    s3 = cloud.client("s3")
    with pytest.raises(
        RefusedError, match=f"bucket {bucket}: found the state of environment shared in it; expected"
    ):
        cloud.made(cloud.inventory("other", bucket=bucket))

    s3.create_bucket(Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="theirs", Key="holiday.jpg", Body=b"x")
    theirs = cloud.inventory("other", bucket="theirs")
    with pytest.raises(
        RefusedError, match=r"found objects in it and no tag atoll\.dev/environment; expected"
    ):
        cloud.made(theirs)
    assert "Status" not in s3.get_bucket_versioning(Bucket="theirs")
    # Its owner hands it over.
    s3.put_bucket_tagging(
        Bucket="theirs", Tagging={"TagSet": [{"Key": "atoll.dev/environment", "Value": "other"}]}
    )
    assert cloud.made(theirs).changes[0].change == "public access"


def test_a_bucket_in_another_region_is_told(cloud):
    far = "us-west-2"
    cloud.client("s3", far).create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": far})
    with pytest.raises(RefusedError, match=rf"bucket far: found it in {far}; expected {REGION}\. Name"):
        cloud.made(cloud.inventory(bucket="far"))


def test_a_key_of_somebody_else_behind_the_alias_is_left_alone(cloud):
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/shared", TargetKeyId=key["KeyId"])
    with pytest.raises(RefusedError, match=r"alias shared: found key .* behind it, nobody's that is known"):
        cloud.made(cloud.inventory())
    assert cloud.client("s3").list_buckets()["Buckets"] == []


@contextlib.contextmanager
def _strict(cloud):
    """From now on the cloud lets in nobody that it does not know."""
    _told(_over_tls(cloud), "reset-auth", "0")
    yield
    _told(_over_tls(cloud), "reset-auth", str(10**6))


def test_who_is_not_let_in_is_told_in_a_line_and_nothing_changes(cloud):
    inventory = cloud.inventory()
    bucket = cloud.made(inventory).bucket
    before = _settings(cloud, bucket)
    with _strict(cloud), pytest.raises(UnavailableError) as denied:
        bootstrap.Storage(inventory.state).look()

    assert denied.value.exit_code is Exit.UNAVAILABLE
    assert str(denied.value).startswith(f"{cloud.s3}: bucket {bucket}: found 403 ")
    assert len(str(denied.value).splitlines()) == 1
    assert _settings(cloud, bucket) == before


def test_a_cloud_that_is_silent_is_told_in_a_line(cloud):
    inventory = cloud.inventory(endpoint="http://127.0.0.1:9")
    with pytest.raises(
        UnavailableError, match=r"^http://127.0.0.1:9: bucket state-of-shared: found no answer \("
    ):
        cloud.made(inventory)


def test_where_there_is_no_tls_no_policy_asks_for_it(cloud):
    plain = dataclasses.replace(cloud.inventory().state, endpoint="http://127.0.0.1:9")
    about = [each for each, _ in buckets.writes(None, plain, "shared", "alias/shared")]
    assert about == [each for each in STEPS if each != "policy"]


def test_an_environment_of_this_machine_needs_none(tmp_path):
    (tmp_path / "here.yaml").write_text("controlPlane: {driver: local}\n")
    with pytest.raises(
        RefusedError, match=r"environment here: found a KMS of this machine; expected kms\.driver aws"
    ):
        bootstrap.bootstrap(load(tmp_path, "here"), Told())
