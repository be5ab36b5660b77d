"""What a program says beside an object, and what the engine does with it.

Sources: OPTIONS is https://www.pulumi.com/docs/iac/concepts/resources/options,
AUTONAMING is https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming-configuration
"""

import re

import pytest

CONFIG = """
    k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={{"a": "{value}"}}, opts=here({options}))
"""
MUTABLE = {"enable_config_map_mutable": True}


def _config(options="", value="1"):
    return CONFIG.format(options=options, value=value)


DEPLOYMENT = """
    labels = {"app": "web"}
    k8s.apps.v1.Deployment(
        "web",
        metadata=meta("web"),
        spec={
            "replicas": 2,
            "selector": {"match_labels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": IMAGE}]}},
        },
        opts=here(ignore_changes=["spec.replicas"]),
    )
"""


@pytest.mark.parametrize("manager", ["replica/manager", "kubectl-patch"])
def test_an_ignored_field_that_another_manager_took_stays_and_stays_its_own(manager, program, api, live):
    """Source: TestIgnoreChanges, tests/sdk/nodejs/nodejs_test.go (server-side apply, without a refresh)."""
    program.write("\n    IMAGE = 'example.test/web:1'" + DEPLOYMENT).up().succeeded()
    change = {"spec": {"replicas": 3}}
    api.request(
        "PATCH",
        api.path(live("apps/v1", "Deployment", "web")),
        change,
        content_type="application/merge-patch+json",
        query={"fieldManager": manager},
    )
    assert program.preview().succeeded().ops == {}

    program.write("\n    IMAGE = 'example.test/web:2'" + DEPLOYMENT)
    assert program.deploy().ops == {"web": "update"}

    found = live("apps/v1", "Deployment", "web")
    assert found["spec"]["replicas"] == 3
    owners = {
        entry["manager"]
        for entry in found["metadata"]["managedFields"]
        if "f:replicas" in (entry["fieldsV1"].get("f:spec") or {})
    }
    assert owners == {manager}
    program.destroy().succeeded()


def test_a_protected_object_is_not_destroyed_until_it_is_let_go(program, live):
    """Source: OPTIONS/protect."""
    program.write(_config("protect=True")).deploy()
    assert "protected" in " ".join(program.destroy().errors)
    assert live("v1", "ConfigMap", "c")

    assert program.write(_config()).up().succeeded().ops == {}
    program.destroy().succeeded()
    assert live("v1", "ConfigMap", "c") is None


def test_an_object_that_is_retained_stays_in_the_cluster(program, live):
    """Source: OPTIONS/retainondelete."""
    program.lives(_config("retain_on_delete=True"))

    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1"}


def test_what_goes_with_its_namespace_is_not_deleted_by_itself(program, api, namespace):
    """Source: OPTIONS/deletedwith."""
    body = """
        space = k8s.core.v1.Namespace("space", metadata={"name": f"{NAMESPACE}-more"}, opts=here())
        held = {"name": "c", "namespace": space.metadata["name"], "finalizers": []}
        k8s.core.v1.ConfigMap("c", metadata=held, data={"a": "1"}, opts=here(deleted_with=space))
    """
    program.write(body).deploy()
    named = {"name": "c", "namespace": f"{namespace}-more"}
    inside = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named}
    uid = api.get(inside)["metadata"]["uid"]
    assert uid == program.state()["c"]["outputs"]["metadata"]["uid"]

    gone = program.destroy().succeeded()

    assert gone.ops["space"] == "delete"
    assert api.get(inside) is None


def test_an_alias_keeps_the_object_and_its_fields(program, live):
    """Source: TestAliases, tests/sdk/nodejs/nodejs_test.go."""
    program.write(_config(), **MUTABLE).up().succeeded()
    before = live("v1", "ConfigMap", "c")["metadata"]

    renamed = _config('aliases=[pulumi.Alias(name="c")]', "2").replace('ConfigMap("c"', 'ConfigMap("renamed"')
    assert program.write(renamed, **MUTABLE).deploy().ops == {"renamed": "update"}

    after = live("v1", "ConfigMap", "c")["metadata"]
    assert after["uid"] == before["uid"]
    assert [entry["manager"] for entry in after["managedFields"]] == [
        entry["manager"] for entry in before["managedFields"]
    ]
    program.destroy().succeeded()


def test_a_new_name_in_the_program_alone_is_refused_and_deletes_nothing(program, live):
    """Source: TestRenameDoesNotDeleteObject, tests/sdk/yaml/existing_object_test.go."""
    program.write(_config()).up().succeeded()
    program.write(_config().replace('ConfigMap("c"', 'ConfigMap("renamed"'))
    assert set(program.preview().succeeded().ops) == {"c", "renamed"}

    assert "already exists" in program.up().refused()

    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1"}
    program.write(_config()).up().succeeded()
    program.destroy().succeeded()


def test_what_the_program_wants_replaced_is_deleted_first_where_it_keeps_its_name(program, live):
    """Source: OPTIONS/replaceonchanges; deleteBeforeReplace of Diff, provider/pkg/provider/provider.go."""
    body = _config('replace_on_changes=["metadata.labels"]').replace(
        'meta("c")', 'meta("c", labels={"a": TURN})'
    )
    program.write("\n    TURN = '1'" + body).up().succeeded()
    uid = live("v1", "ConfigMap", "c")["metadata"]["uid"]

    assert program.write("\n    TURN = '2'" + body).deploy().ops == {"c": "replace"}

    assert live("v1", "ConfigMap", "c")["metadata"]["uid"] != uid
    program.destroy().succeeded()


def test_an_object_whose_replacement_is_asked_for_is_never_lost(program, live):
    """Source: `pulumi up --replace` in https://www.pulumi.com/docs/iac/cli/commands/pulumi_up."""
    program.write(_config()).up().succeeded()
    urn = program.state()["c"]["urn"]

    replaced = program.up("--replace", urn).succeeded()

    # The engine makes the new one first, and it has the name of the old one.
    assert replaced.ops == {"c": "replace"}
    assert any("changed in place" in text for text in replaced.warnings)
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1"}
    assert program.refresh().succeeded().ops == {}
    before = live("v1", "ConfigMap", "c")["metadata"]["uid"]

    program.write(_config("delete_before_replace=True"))
    assert program.up("--replace", urn).succeeded().ops == {"c": "replace"}
    assert live("v1", "ConfigMap", "c")["metadata"]["uid"] != before
    program.destroy().succeeded()


def test_outputs_that_are_to_be_secret_are_so_in_the_state(program):
    """Source: OPTIONS/additionalsecretoutputs."""
    planted = "correct-horse"
    program.lives(_config('additional_secret_outputs=["data"]', "1"))
    program.write(_config('additional_secret_outputs=["data"]', planted)).deploy()

    outputs = program.state()["c"]["outputs"]
    assert planted not in str(outputs["data"])
    program.destroy().succeeded()


def test_a_transform_changes_what_a_program_declares(program, live):
    """Source: OPTIONS/transforms and OPTIONS/transformations."""
    body = """
        def label(args):
            args.props["metadata"] = {**args.props["metadata"], "labels": {"by": "transform"}}
            return pulumi.ResourceTransformResult(args.props, args.opts)

        def fill(args):
            if args.type_ == "kubernetes:core/v1:ConfigMap":
                args.props["data"] = {"a": "transformed"}
            return pulumi.ResourceTransformationResult(args.props, args.opts)

        pulumi.runtime.register_stack_transformation(fill)
        k8s.core.v1.ConfigMap(
            "c", metadata={"name": "c", "namespace": NAMESPACE}, data={}, opts=here(transforms=[label])
        )
    """
    program.write(body).deploy()

    found = live("v1", "ConfigMap", "c")
    assert (found["data"], found["metadata"]["labels"]) == ({"a": "transformed"}, {"by": "transform"})
    assert program.preview().succeeded().ops == {}
    program.destroy().succeeded()


@pytest.mark.parametrize("settings", [{}, MUTABLE], ids=["replacing", "updating"])
def test_an_import_that_the_program_does_not_match_changes_nothing_of_others(
    settings, program, put, live, namespace
):
    """Source: OPTIONS/import, and its engine: what has to be replaced is refused, what differs is updated."""
    put("v1", "ConfigMap", "c", data={"a": "theirs"})
    program.write(_config(f'import_="{namespace}/c"'), **settings)

    line = program.up().refused() if settings else " ".join(program.up().errors)

    assert ("field conflict" if settings else "may not be replaced") in line
    assert live("v1", "ConfigMap", "c")["data"] == {"a": "theirs"}
    # As it is, it can be taken in.
    program.write(_config(f'import_="{namespace}/c"', "theirs"), **settings).up().succeeded()
    assert program.state()["c"]["inputs"]["data"] == {"a": "theirs"}
    assert program.up().succeeded().ops == {}
    program.destroy().succeeded()
    assert live("v1", "ConfigMap", "c") is None


def test_the_import_command_takes_an_object_in(program, put, namespace):
    """Source: https://www.pulumi.com/docs/iac/cli/commands/pulumi_import."""
    put("v1", "ConfigMap", "c", manager="kubectl", data={"a": "1"})
    program.write("").up().succeeded()
    (provider,) = (entry["urn"] for entry in program.state().values() if "providers" in entry["type"])

    taken = program.operate(
        *(
            "import",
            "kubernetes:core/v1:ConfigMap",
            "c",
            f"{namespace}/c",
            "--provider",
            f"cluster={provider}",
        ),
        *("--yes", "--skip-preview", "--generate-code=false", "--protect=false"),
    )

    taken.succeeded()
    assert program.state()["c"]["inputs"]["data"] == {"a": "1"}
    assert program.write(_config()).deploy().ops == {}
    program.destroy().succeeded()


def test_drift_and_loss_are_mended_by_one_run_that_refreshes_first(program, api, put, live):
    """Source: `pulumi up --refresh` in https://www.pulumi.com/docs/iac/cli/commands/pulumi_up."""
    body = _config() + _config(value="2").replace('"c"', '"d"')
    forced = body.replace('meta("c")', 'meta("c", annotations={"pulumi.com/patchForce": "true"})')
    program.write(forced, **MUTABLE).deploy()
    put("v1", "ConfigMap", "c", data={"a": "drifted"})
    api.delete(live("v1", "ConfigMap", "d"))

    assert program.up("--refresh").succeeded().ops == {"c": "update", "d": "create"}

    assert live("v1", "ConfigMap", "c")["data"] == {"a": "1"}
    assert live("v1", "ConfigMap", "d")["data"] == {"a": "2"}
    program.destroy().succeeded()


def test_get_of_what_is_not_there_fails_in_one_line(program, namespace):
    """Source: TestGetOneStep, tests/sdk/python/python_test.go."""
    program.write(f'k8s.core.v1.ConfigMap.get("c", "{namespace}/none", opts=here())')

    assert "does not exist" in program.preview().refused()
    assert "does not exist" in program.up().refused()
    program.destroy().succeeded()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"mode": "verbatim"}, r"c"),
        ({"pattern": "pre-${name}-${alphanum(6)}"}, r"pre-c-[a-z0-9]{6}"),
        ({"providers": {"kubernetes": {"pattern": "${name}-${hex(4)}"}}}, r"c-[0-9a-f]{4}"),
    ],
    ids=["verbatim", "pattern", "provider"],
)
def test_names_are_chosen_as_the_stack_says(settings, name, program):
    """Source: AUTONAMING; TestAssignNameIfAutonamable, provider/pkg/metadata/naming_test.go."""
    program.configure({"pulumi:autonaming": settings})
    body = _config().replace('meta("c")', "meta()")
    made = program.write(body).deploy().steps["c"].inputs["metadata"]["name"]
    assert re.fullmatch(name, made)
    assert program.preview().succeeded().ops == {}

    # A name without chance in it is one that its replacement needs too.
    changed = program.write(body.replace('"1"', '"2"')).deploy()

    assert changed.ops == {"c": "replace"}
    assert (program.state()["c"]["inputs"]["metadata"]["name"] == made) == (name == "c")
    assert program.refresh().succeeded().ops == {}
    program.destroy().succeeded()


def test_names_have_to_be_given_where_the_stack_says_so(program):
    """Source: AUTONAMING (mode disabled); TestAssignNameIfAutonamable, provider/pkg/metadata/naming_test.go."""
    program.configure({"pulumi:autonaming": {"mode": "disabled"}})

    assert (
        "autonaming is disabled"
        in program.write(_config().replace('meta("c")', "meta()")).preview().refused()
    )
    assert "autonaming is disabled" in program.up().refused()
    program.lives(_config())


def test_a_groups_options_are_those_of_its_objects(program, live):
    """Source: TestOptionPropagation, tests/sdk/python/python_test.go (protect and retain reach the children)."""
    body = """
        k8s.yaml.v2.ConfigGroup(
            "g",
            objs=[{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": NAMESPACE},
                   "data": {"a": "1"}}],
            opts=ResourceOptions(providers=[cluster], retain_on_delete=True),
        )
    """
    program.lives(body)

    assert live("v1", "ConfigMap", "c")
