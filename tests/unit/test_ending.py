"""What of an environment lives on when its processes and files are gone, and has to be cleared before."""

import json

import pytest

from atoll.automation import ending
from atoll.platform.inventory import Kms
from harness.processes import bare


@pytest.mark.parametrize(
    ("kind", "here", "in_a_cloud"),
    [
        ("atoll:index:LocalCluster", False, False),
        ("atoll:index:LocalRegistry", False, False),
        ("docker-build:index:Image", False, False),
        ("pulumi:providers:docker", False, False),
        ("atoll:index:KmsKey", False, True),
        ("atoll:index:ExistingCluster", True, True),
        ("atoll:index:EcrRegistry", True, True),
        ("atoll:index:EcrRepository", True, True),
        ("docker:index/container:Container", True, True),
    ],
)
def test_what_lives_on_is_told_by_its_type_and_by_who_keeps_the_keys(
    tmp_path, monkeypatch, kind, here, in_a_cloud
):
    environment = bare(tmp_path, monkeypatch)
    path = environment.state / ".pulumi" / "stacks" / "atoll" / f"{environment.name}.json"
    path.parent.mkdir(parents=True)
    assert not ending._outlives(environment, Kms("aws"))

    path.write_text(json.dumps({"resources": [{"type": kind}]}))

    assert ending._outlives(environment, Kms()) is here
    assert ending._outlives(environment, Kms("aws")) is in_a_cloud
    # A damaged one tells it too.
    path.write_text(path.read_text()[:-3])
    assert ending._outlives(environment, Kms()) is here
