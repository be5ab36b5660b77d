"""What is secret is nowhere in plain: not in the state, not in what the engine says."""

import base64

import pytest

PLANTED = "correct-horse-battery"
FORMS = (PLANTED, base64.b64encode(PLANTED.encode()).decode())


def _found(text):
    return [form for form in FORMS if form in text]


@pytest.mark.parametrize(
    "body",
    [
        f'k8s.core.v1.Secret("s", metadata=meta("s"), string_data={{"password": "{PLANTED}"}}, opts=here())',
        f'k8s.core.v1.Secret("s", metadata=meta("s"), data={{"password": "{FORMS[1]}"}}, opts=here())',
        f'k8s.core.v1.ConfigMap("s", metadata=meta("s"), data={{"a": pulumi.Output.secret("{PLANTED}")}}, opts=here())',
        f"""
k8s.yaml.v2.ConfigGroup("g", yaml=f'''
apiVersion: v1
kind: Secret
metadata: {{{{name: s, namespace: {{NAMESPACE}}}}}}
stringData: {{{{password: {PLANTED}}}}}
''', opts=pulumi.ResourceOptions(providers=[cluster]))
""",
    ],
    ids=["stringData", "data", "secret output", "group"],
)
def test_a_secret_is_encrypted_in_the_state_after_each_operation(body, program):
    """Source: TestSecrets, tests/sdk/yaml/secrets_test.go;
    TestCheckpointSecretObject, provider/pkg/provider/provider_test.go.
    """
    program.write(body)
    told = program.preview().succeeded()
    done = program.up().succeeded()
    assert _found(program.state_text()) == []

    seen = program.refresh().succeeded()

    assert seen.ops == {}
    assert _found(program.state_text()) == []
    for run in (told, done, seen):
        assert _found(run.text + str(run.said)) == []


def test_the_search_finds_what_is_in_plain(program):
    """Source: TestSecrets, tests/sdk/yaml/secrets_test.go (the other way round)."""
    program.write(f"""
        k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={{"a": "{PLANTED}"}}, opts=here())
    """).up().succeeded()

    assert _found(program.state_text()) == [PLANTED]


def test_a_secret_output_that_somebody_reads_stays_secret(program):
    """Source: TestSecretsWithUnknowns, tests/sdk/go/go_test.go."""
    program.write(f"""
        s = k8s.core.v1.Secret("s", metadata=meta("s"), string_data={{"password": "{PLANTED}"}}, opts=here())
        k8s.core.v1.ConfigMap("copy", metadata=meta("copy"), data={{"p": s.data["password"]}}, opts=here())
    """).up().succeeded()

    assert _found(program.state_text()) == []


def test_an_imported_secret_is_encrypted(program, put, namespace):
    """Source: TestCheckpointSecretObject, provider/pkg/provider/provider_test.go."""
    put("v1", "Secret", "s", data={"password": FORMS[1]})
    program.write(f"""
        k8s.core.v1.Secret(
            "s",
            metadata=meta("s"),
            data={{"password": "{FORMS[1]}"}},
            type="Opaque",
            opts=here(import_="{namespace}/s"),
        )
    """).up().succeeded()

    assert _found(program.state_text()) == []


def test_an_error_that_quotes_a_secret_is_told_without_it(program):
    """Source: https://www.pulumi.com/docs/iac/concepts/secrets (a secret is not shown)."""
    run = program.write(f"""
        k8s.core.v1.Service(
            "s",
            metadata=meta("s"),
            spec={{"type": pulumi.Output.secret("{PLANTED}"), "ports": [{{"port": 80}}]}},
            opts=here(),
        )
    """).up()

    assert "spec.type" in run.refused()
    assert _found(run.text + str(run.said)) == []
