"""Registries and repositories of ECR against moto: every feature made, changed, drifted, imported, removed.

What moto 5.2 lacks (`LACKING`; a test asks it) and what it takes otherwise than Amazon (more than one rule of replication)
is tested by the shapes of the requests: botocore's stub checks them against the model of the API.
"""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from atoll.core.errors import Exit, RefusedError, UnavailableError
from atoll.registry import ecr, ecr_service
from atoll.registry.ecr_effects import EcrRegistry, EcrRepository
from conformance.registry.conftest import OWNER, REGION, Driven, expiring, policy, text

LACKING = {
    "create_pull_through_cache_rule": {"ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"},
    "describe_pull_through_cache_rules": {},
    "update_pull_through_cache_rule": {"ecrRepositoryPrefix": "quay"},
    "delete_pull_through_cache_rule": {"ecrRepositoryPrefix": "quay"},
}
_KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:ecr-pullthroughcache/hub-AbCdEf"
_HUB = "registry-1.docker.io"
_FULL = {
    "tagMutability": "IMMUTABLE",
    "exclusions": ["latest", "pr-*"],
    "scanOnPush": True,
    "encryption": {"type": "KMS", "key": _KEY},
    "lifecyclePolicy": expiring(14),
    "policy": policy("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
    "tags": {"team": "blue"},
    "forceDelete": False,
}
_CHANGES = {
    "tagMutability": "MUTABLE",
    "exclusions": [],
    "scanOnPush": False,
    "lifecyclePolicy": expiring(7),
    "policy": policy("ecr:BatchGetImage"),
    "tags": {"team": "red", "stage": "t"},
    "forceDelete": True,
}
_ACCOUNT = "123456789012"


def _seen(client, name):
    """All that can be seen of a repository."""
    (found,) = client.describe_repositories(repositoryNames=[name])["repositories"]
    filters = found.get("imageTagMutabilityExclusionFilters") or []
    listed = client.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    return {
        "tagMutability": found["imageTagMutability"],
        "exclusions": [each["filter"] for each in filters],
        "scanOnPush": found["imageScanningConfiguration"]["scanOnPush"],
        "encryption": found["encryptionConfiguration"],
        "lifecyclePolicy": _policy(client.get_lifecycle_policy, name, "lifecyclePolicyText"),
        "policy": _policy(client.get_repository_policy, name, "policyText"),
        "tags": {each["Key"]: each["Value"] for each in listed},
    }


def _policy(call, name, key):
    try:
        return json.loads(call(repositoryName=name)[key])
    except ClientError:
        return None


def _asked(client):
    """The names of the calls that a client makes from now on."""
    asked: list[str] = []
    client.meta.events.register("before-call.ecr", lambda model, **_: asked.append(model.name))
    return asked


@pytest.fixture
def client(of_ecr):
    return of_ecr.client


@pytest.fixture
def whole(of_ecr, name):
    """A repository with all attributes."""
    made = of_ecr.repository(name, **_FULL)
    assert not made.create().problems
    return made


def test_a_repository_is_made_with_all_that_is_declared_and_a_second_run_writes_nothing(
    client, whole, name, of_ecr
):
    assert _seen(client, name) == {
        **{key: _FULL[key] for key in ("exclusions", "scanOnPush", "lifecyclePolicy", "policy")},
        "tagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "encryption": {"encryptionType": "KMS", "kmsKey": _KEY},
        "tags": {"team": "blue", "atoll.dev/owner": OWNER},
    }
    asked = _asked(ecr_service.service(ecr.Access("us-east-1", of_ecr.endpoint)).client)
    assert whole.refresh() == set()
    whole.create()
    whole.update()
    assert {each for each in asked if not each.startswith(("Describe", "Get", "List"))} == set()


@pytest.mark.parametrize("attribute", _CHANGES)
def test_each_change_is_made_and_nothing_else(client, whole, name, attribute):
    before = _seen(client, name)

    whole.update(**{attribute: _CHANGES[attribute]})

    changed = {key for key, value in _seen(client, name).items() if value != before[key]}
    # Exclusions are part of the mutability.
    expected = {"exclusions": {"exclusions", "tagMutability"}, "forceDelete": set()}
    assert changed == expected.get(attribute, {attribute})
    assert whole.refresh() == set()


@pytest.mark.parametrize("attribute", ["lifecyclePolicy", "policy"])
def test_a_policy_that_is_no_longer_declared_goes(client, whole, name, attribute):
    whole.inputs.pop(attribute)
    whole.update()
    assert _seen(client, name)[attribute] is None
    assert whole.refresh() == set()


def test_what_means_the_same_is_no_change(whole):
    same = {
        "lifecyclePolicy": text(_FULL["lifecyclePolicy"]),
        "policy": text(policy("ecr:getdownloadurlforlayer", "ecr:BatchGetImage")),
        "exclusions": ["pr-*", "latest"],
    }
    for attribute, value in same.items():
        assert whole.effect.same(attribute, whole.inputs[attribute], value)
    whole.inputs = {**whole.inputs, **same}
    assert whole.refresh() == set()


_DRIFTS: dict[str, tuple[str, dict[str, Any]]] = {
    "tagMutability": ("put_image_tag_mutability", {"imageTagMutability": "MUTABLE"}),
    "scanOnPush": ("put_image_scanning_configuration", {"imageScanningConfiguration": {"scanOnPush": False}}),
    "lifecyclePolicy": ("put_lifecycle_policy", {"lifecyclePolicyText": text(expiring(1))}),
    "policy": ("delete_repository_policy", {}),
    "tags": ("untag_resource", {"tagKeys": ["team"]}),
    "more tags": ("tag_resource", {"tags": [{"Key": "theirs", "Value": "x"}]}),
}


@pytest.mark.parametrize("drift", _DRIFTS)
def test_what_somebody_else_changed_is_found_by_a_refresh_and_put_back(client, whole, name, drift):
    before = _seen(client, name)
    call, arguments = _DRIFTS[drift]
    named = {"resourceArn": whole.outputs["arn"]} if "tags" in drift else {"repositoryName": name}
    getattr(client, call)(**named, **arguments)

    found = whole.refresh()

    assert drift.removeprefix("more ") in found
    assert found <= {"tags", "tagMutability", "exclusions", "scanOnPush", "lifecyclePolicy", "policy"}
    whole.update()
    assert _seen(client, name) == before
    assert whole.refresh() == set()


def test_a_mark_that_was_taken_away_comes_back(client, whole, name):
    client.untag_resource(resourceArn=whole.outputs["arn"], tagKeys=["atoll.dev/owner"])
    assert whole.refresh() == set()
    assert "tag is gone" in whole.stale()
    whole.update()
    assert whole.stale() is None
    assert _seen(client, name)["tags"]["atoll.dev/owner"] == OWNER


def test_a_repository_that_is_gone_is_gone(client, whole, name):
    client.delete_repository(repositoryName=name)
    assert whole.read() is None
    with pytest.raises(RefusedError, match="found none; expected the one that the state knows"):
        whole.update()
    whole.delete()


@pytest.mark.parametrize("named", ["name", "arn"])
def test_an_existing_repository_is_imported_as_it_is(client, of_ecr, whole, name, named):
    client.untag_resource(resourceArn=whole.outputs["arn"], tagKeys=["atoll.dev/owner"])
    effect = EcrRepository()
    named = name if named == "name" else whole.outputs["arn"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_ECR", of_ecr.endpoint)
        seen = effect.read(named, {}, {}, whole.context)

    assert seen is not None
    assert seen.id == name
    declared = {key: value for key, value in _FULL.items() if key != "forceDelete"}
    assert seen.inputs.keys() == declared.keys() | {"name"}
    assert all(effect.same(key, value, seen.inputs[key]) for key, value in declared.items())
    assert effect.stale(seen.inputs, seen.outputs)


@pytest.mark.parametrize("owner", [None, "others/prod"])
def test_a_repository_of_somebody_else_is_left_alone(client, of_ecr, name, owner):
    theirs = [{"Key": "atoll.dev/owner", "Value": owner}] if owner else []
    client.create_repository(repositoryName=name, tags=theirs)
    before = _seen(client, name)

    with pytest.raises(RefusedError, match=r"Choose another name, or import it\.$"):
        of_ecr.repository(name, **_FULL).create()

    assert _seen(client, name) == before


def test_a_repository_that_became_somebody_elses_is_not_deleted(client, whole, name):
    client.delete_repository(repositoryName=name)
    client.create_repository(repositoryName=name, tags=[{"Key": "atoll.dev/owner", "Value": "others/prod"}])
    with pytest.raises(RefusedError, match="found one that is others/prod's"):
        whole.delete()
    assert _seen(client, name)


def test_a_making_whose_answer_was_lost_is_taken_up(of_ecr, name, monkeypatch):
    service = ecr_service.service(ecr.Access("us-east-1", of_ecr.endpoint))
    real = service.client.create_repository

    def lost(**arguments):
        # As botocore does it: asked again, it hears that there is one.
        real(**arguments)
        return real(**arguments)

    monkeypatch.setattr(service.client, "create_repository", lost)
    made = of_ecr.repository(name, **_FULL)
    assert not made.create().problems
    assert made.refresh() == set()


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"exclusions": ["a*b*c*"]}, "at most 2 stars"),
        ({"exclusions": [str(each) for each in range(6)]}, "at most 5 wildcards"),
        ({"tagMutability": "SOMETIMES"}, "expected IMMUTABLE or MUTABLE"),
        ({"encryption": {"type": "AES256", "key": _KEY}}, "found a key with AES256"),
        ({"encryption": {"type": "KMS", "key": "alias/app"}}, "expected its ARN"),
        ({"encryption": {"type": "ROT13"}}, "expected one of: AES256, KMS, KMS_DSSE"),
        ({"lifecyclePolicy": {"rules": []}}, "found no rules"),
        ({"lifecyclePolicy": {"rules": [{"rulePriority": 1}]}}, "rule 1 without action and selection"),
        ({"lifecyclePolicy": {"rules": expiring(1)["rules"] * 2}}, "rulePriority 1 twice"),
        ({"lifecyclePolicy": "{"}, "no JSON"),
        ({"policy": {}}, "found no statements"),
        ({"policy": policy(*map(str, range(4000)))}, "expected at most 10240"),
        ({"tags": {"atoll.dev/owner": "me"}}, "are set for you"),
        ({"tags": {str(each): "" for each in range(50)}}, "expected at most 49"),
        ({"scanOnPush": "yes"}, "expected true or false"),
    ],
)
def test_what_ecr_would_not_take_is_refused_before_it_is_asked(inputs, found):
    (failure,) = EcrRepository().check({"name": "app", **inputs})
    assert failure.name == next(iter(inputs))
    assert found in failure.reason


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"replication": [{"destinations": []}]}, "rule 1: found 0 destinations"),
        ({"replication": [{"destinations": [{"region": "mars"}]}]}, "expected a destination with a region"),
        (
            {"replication": [{"destinations": [{"region": "eu-west-1", "account": "1"}]}]},
            "expected its 12 digits",
        ),
        ({"replication": [{"destinations": [{"region": "eu-west-1"}], "prefixes": ["a"]}]}, "the prefix 'a'"),
        ({"pullThroughCache": {"q": {"upstream": "quay.io"}}}, "expected 2 to 30"),
        ({"pullThroughCache": {"quay": {"upstream": "https://quay.io"}}}, "expected the host of a registry"),
        ({"pullThroughCache": {"hub": {"upstream": _HUB}}}, "found no credential"),
        (
            {"pullThroughCache": {"hub": {"upstream": _HUB, "credential": "arn:aws:x"}}},
            "expected the ARN of a secret",
        ),
    ],
)
def test_what_a_registry_would_not_take_is_refused_before_it_is_asked(inputs, found):
    (failure,) = EcrRegistry().check({"name": "main", **inputs})
    assert failure.name == next(iter(inputs))
    assert found in failure.reason


def test_an_endpoint_where_nobody_is_and_a_login_that_is_refused_are_one_line_each(whole, name):
    dead = EcrRepository()
    with pytest.raises(
        UnavailableError, match=r"^http://127\.0\.0\.1:9: found no answer \(.*\); expected"
    ) as raised:
        dead.create("r", {"name": name, "endpoint": "http://127.0.0.1:9"}, whole.context)
    assert raised.value.exit_code is Exit.UNAVAILABLE
    with _stubbed() as (stub, driven):
        stub.add_client_error("describe_registry", "AccessDeniedException", "not you")
        with pytest.raises(
            ecr.DeniedError, match=r"found AccessDeniedException \(not you\); expected to be allowed"
        ):
            driven.read()


def _rule(region, *prefixes):
    return {"destinations": [{"region": region}], **({"prefixes": list(prefixes)} if prefixes else {})}


def _live(region, *prefixes, account=_ACCOUNT):
    filters = [{"filter": each, "filterType": "PREFIX_MATCH"} for each in prefixes]
    destinations = [{"region": region, "registryId": account}]
    return {"destinations": destinations, **({"repositoryFilters": filters} if filters else {})}


def test_replication_is_declared_changed_drifted_and_taken_back(client, of_ecr):
    def rules():
        return client.describe_registry()["replicationConfiguration"]["rules"]

    registry = of_ecr.registry
    registry.update(replication=[_rule("eu-west-1", "team/")])
    assert rules() == [_live("eu-west-1", "team/")]
    assert registry.refresh() == set()
    registry.update(replication=[_rule("eu-central-1")])
    assert rules() == [_live("eu-central-1")]

    client.put_replication_configuration(replicationConfiguration={"rules": []})
    assert registry.refresh() == {"replication"}
    registry.update()
    assert rules() == [_live("eu-central-1")]

    registry.delete()
    assert rules() == []


@contextlib.contextmanager
def _stubbed(**inputs):
    """A registry of which every call is answered by a stub, which checks it against the model of the API."""
    service = ecr_service.Service(ecr.Access(REGION, "http://stub"), ecr.client(ecr.Access(REGION)))
    with pytest.MonkeyPatch.context() as patch, Stubber(service.client) as stub:
        patch.setattr(ecr_service, "service", lambda _access: service)
        yield stub, Driven(EcrRegistry(), {"name": "main", "region": REGION, **inputs})
        stub.assert_no_pending_responses()


def _answers(stub, rules=(), caches=None):
    configuration = {"rules": list(rules)}
    stub.add_response(
        "describe_registry", {"registryId": _ACCOUNT, "replicationConfiguration": configuration}, {}
    )
    if caches is not None:
        listed = [{"ecrRepositoryPrefix": prefix, **cache} for prefix, cache in caches.items()]
        stub.add_response("describe_pull_through_cache_rules", {"pullThroughCacheRules": listed}, {})


def _tells_address(stub):
    data = {
        "authorizationToken": "QVdTOnB3",
        "expiresAt": datetime(2030, 1, 1, tzinfo=UTC),
        "proxyEndpoint": f"https://{_ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com",
    }
    stub.add_response("get_authorization_token", {"authorizationData": [data]}, {})


@pytest.mark.usefixtures("_login")
def test_rules_of_others_stay_whatever_is_declared():
    theirs = _live("eu-north-1", account="111122223333")
    with _stubbed(replication=[_rule("eu-west-1"), _rule("eu-west-2", "aa", "bb")]) as (stub, driven):
        _answers(stub, [theirs])
        wanted = [theirs, _live("eu-west-1"), _live("eu-west-2", "aa", "bb")]
        sent = {"replicationConfiguration": {"rules": wanted}}
        stub.add_response("put_replication_configuration", {}, sent)
        _tells_address(stub)
        driven.create()

        # In whatever order its parts are, a rule is the same.
        _answers(stub, [_live("eu-west-2", "bb", "aa"), theirs, _live("eu-west-1")])
        assert driven.refresh() == set()

        _answers(stub, wanted)
        sent = {"replicationConfiguration": {"rules": [theirs, _live("eu-west-1")]}}
        stub.add_response("put_replication_configuration", {}, sent)
        driven.update(replication=[_rule("eu-west-1")])

        _answers(stub, [theirs, _live("eu-west-1")])
        stub.add_response(
            "put_replication_configuration", {}, {"replicationConfiguration": {"rules": [theirs]}}
        )
        driven.delete()


_QUAY = {"upstreamRegistryUrl": "quay.io"}
_LIVE_HUB = {"upstreamRegistryUrl": _HUB, "credentialArn": _SECRET}


@pytest.mark.usefixtures("_login")
def test_caches_of_upstream_registries_are_declared_changed_drifted_and_taken_back():
    declared = {"quay": {"upstream": "quay.io"}, "hub": {"upstream": _HUB, "credential": _SECRET}}
    theirs = {"k8s": {"upstreamRegistryUrl": "registry.k8s.io"}}
    with _stubbed(pullThroughCache=declared) as (stub, driven):
        _answers(stub, caches=theirs)
        for prefix, live in (("quay", _QUAY), ("hub", _LIVE_HUB)):
            stub.add_response("create_pull_through_cache_rule", {}, {"ecrRepositoryPrefix": prefix, **live})
        _tells_address(stub)
        driven.create()

        _answers(stub, caches={"quay": _QUAY, "hub": _LIVE_HUB, **theirs})
        assert driven.refresh() == set()

        # Somebody deleted one and gave the other another login.
        other = _SECRET.replace("hub", "bub")
        _answers(stub, caches={"hub": {**_LIVE_HUB, "credentialArn": other}, **theirs})
        assert driven.refresh() == {"pullThroughCache"}
        _answers(stub, caches={"hub": {**_LIVE_HUB, "credentialArn": other}, **theirs})
        stub.add_response("create_pull_through_cache_rule", {}, {"ecrRepositoryPrefix": "quay", **_QUAY})
        mended = {"ecrRepositoryPrefix": "hub", "credentialArn": _SECRET}
        stub.add_response("update_pull_through_cache_rule", {}, mended)
        driven.update()

        # Another upstream: no call changes it.
        _answers(stub, caches={"quay": _QUAY, "hub": _LIVE_HUB, **theirs})
        stub.add_response("delete_pull_through_cache_rule", {}, {"ecrRepositoryPrefix": "hub"})
        stub.add_response("delete_pull_through_cache_rule", {}, {"ecrRepositoryPrefix": "quay"})
        public = {"ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "public.ecr.aws"}
        stub.add_response("create_pull_through_cache_rule", {}, public)
        driven.update(pullThroughCache={"quay": {"upstream": "public.ecr.aws"}})

        _answers(stub, caches={"quay": {"upstreamRegistryUrl": "public.ecr.aws"}, **theirs})
        stub.add_response("delete_pull_through_cache_rule", {}, {"ecrRepositoryPrefix": "quay"})
        driven.delete()


@pytest.mark.usefixtures("_login")
def test_a_cache_of_another_upstream_that_others_made_is_left_alone():
    with _stubbed(pullThroughCache={"quay": {"upstream": "quay.io"}}) as (stub, driven):
        _answers(stub, caches={"quay": {"upstreamRegistryUrl": "public.ecr.aws"}})
        with pytest.raises(
            RefusedError, match=r"pull-through cache quay: found one of public\.ecr\.aws; expected none"
        ):
            driven.create()


@pytest.mark.parametrize("call", LACKING)
def test_moto_still_lacks_what_is_tested_by_shapes_alone(client, call):
    with pytest.raises(ClientError) as raised:
        getattr(client, call)(**LACKING[call])
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 404
