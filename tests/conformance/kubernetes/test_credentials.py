"""A kubeconfig whose user is told by a program: client-go's credential plugins.

Sources: EXEC is https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import dataclasses
import json

import pytest

from atoll.kubernetes import Kubeconfig
from atoll.kubernetes.credentials import Plugin

CONFIG = """
    k8s.core.v1.ConfigMap("c", metadata=meta("c"), data={"a": "1"}, opts=here())
"""
V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"
SCRIPT = """#!/bin/sh
cd "$(dirname "$0")"
echo "$KUBERNETES_EXEC_INFO" > question
echo "$1 $OWN" >> asked
[ -e first ] && [ "$(wc -l < asked)" -eq 1 ] && exec cat first
exec cat answer
"""


@pytest.fixture
def plugin(program, kubeconfig):
    """Makes the kubeconfig of a program that answers with credentials, the first time perhaps with others."""
    program_file = program.folder / "login"
    program_file.write_text(SCRIPT)
    program_file.chmod(0o755)
    nobody = dataclasses.replace(Kubeconfig.read(kubeconfig), certificate=b"", key=b"")

    def make(version, answer, first=None):
        for name, status in (("answer", answer), ("first", first)):
            if status is not None:
                credential = {"apiVersion": version, "kind": "ExecCredential", "status": status}
                (program.folder / name).write_text(json.dumps(credential))
        told = json.dumps({"server": nobody.server})
        asked = Plugin(str(program_file), ("get-token",), (("OWN", "given"),), version, "Never", told)
        return dataclasses.replace(nobody, plugin=asked).text()

    return make


def _life(program, text):
    """A whole life of an object under such a kubeconfig; returns all that the engine said and kept."""
    run = program.write(CONFIG, kubeconfig=text).deploy()
    assert run.ops == {"c": "create"}
    assert program.up().succeeded().ops == {}
    kept = program.state_text()
    gone = program.destroy().succeeded()
    assert gone.ops == {"c": "delete"}
    return run.text + str(run.said) + gone.text + str(gone.said) + kept


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_a_token_is_told_by_a_program_and_shown_nowhere(version, program, plugin, token):
    """Source: EXEC, Input and output formats (v1 and v1beta1; provideClusterInfo, args, env)."""
    secret = Kubeconfig.read(token).token

    shown = _life(program, plugin(version, {"token": secret}))

    assert secret not in shown
    question = json.loads((program.folder / "question").read_text())
    assert question["apiVersion"] == version
    assert question["spec"]["interactive"] is False
    assert question["spec"]["cluster"]["server"] == Kubeconfig.read(token).server
    assert set((program.folder / "asked").read_text().splitlines()) == {"get-token given"}


def test_a_client_certificate_is_told_by_a_program(program, plugin, kubeconfig):
    """Source: EXEC, Input and output formats (clientCertificateData and clientKeyData)."""
    admin = Kubeconfig.read(kubeconfig)
    status = {"clientCertificateData": admin.certificate.decode(), "clientKeyData": admin.key.decode()}

    shown = _life(program, plugin(V1, status))

    assert admin.key.decode().splitlines()[1] not in shown


@pytest.mark.parametrize(
    "first",
    [{"token": "refused"}, {"token": "expired", "expirationTimestamp": "2020-01-01T00:00:00Z"}],
    ids=["refused", "expired"],
)
def test_credentials_that_no_longer_open_are_asked_for_anew(first, program, plugin, token):
    """Source: EXEC: reused until the expiration time, or until the server responds with 401."""
    secret = Kubeconfig.read(token).token

    run = program.write(CONFIG, kubeconfig=plugin(V1, {"token": secret}, first)).up().succeeded()

    assert run.ops == {"c": "create"}
    assert len((program.folder / "asked").read_text().splitlines()) >= 2
    assert program.preview().succeeded().ops == {}
    program.destroy().succeeded()


def test_a_program_that_fails_is_one_line_without_what_it_printed(program, plugin):
    """Source: EXEC (a plugin that fails yields no credentials), and Configure of the official plugin."""
    text = plugin(V1, {"token": "planted-secret"})
    (program.folder / "login").write_text("#!/bin/sh\ncat answer; echo 'not logged in' >&2; exit 3\n")
    told = program.write(CONFIG, kubeconfig=text).preview().succeeded()

    run = program.up()

    assert "exec plugin 'login': found exit code 3 (not logged in)" in run.refused()
    assert "planted-secret" not in run.text + told.text + str(run.said) + str(told.said)
    assert "c" not in program.state()
    program.destroy().succeeded()
