"""Credential plugins as client-go documents them (Source: the section client-go credential plugins of
https://kubernetes.io/docs/reference/access-authn-authz/authentication)."""

import base64
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atoll.core.errors import ArgsError, UnavailableError
from atoll.kubernetes import Kubeconfig, credentials
from atoll.kubernetes.credentials import Plugin, Source

V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"


def _program(folder, body):
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def _answer(version=V1, kind="ExecCredential", **status):
    return json.dumps({"apiVersion": version, "kind": kind, "status": status})


def _given(**more) -> dict[str, Any]:
    return {"apiVersion": V1, "command": "plugin", "interactiveMode": "Never", **more}


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_a_token_is_told_by_a_program_that_gets_its_arguments_variables_and_question(
    version, tmp_path, monkeypatch
):
    monkeypatch.setenv("AMBIENT", "kept")
    program = _program(
        tmp_path,
        'printf "%s\\n" "$KUBERNETES_EXEC_INFO" "$1" "$OWN" "$AMBIENT" > "$(dirname "$0")/seen"\n'
        f"echo '{_answer(version, token='t')}'",
    )
    plugin = Plugin(program, ("first",), (("OWN", "given"),), version)

    assert credentials.ask(plugin) == credentials.Credentials(token="t")

    question, *rest = (tmp_path / "seen").read_text().splitlines()
    assert rest == ["first", "given", "kept"]
    assert json.loads(question) == {
        "apiVersion": version,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


def test_a_plugin_is_told_of_its_cluster_only_where_it_asks(tmp_path):
    (tmp_path / "ca").write_bytes(b"CA")
    cluster = {
        "server": "https://x",
        "certificate-authority": "ca",
        "extensions": [{"name": credentials.EXTENSION, "extension": {"audience": "a"}}],
    }
    program = _program(
        tmp_path, f'echo "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/seen"; echo \'{_answer(token="t")}\''
    )
    given = _given(command=program, provideClusterInfo=True)

    credentials.ask(Plugin.read(given, cluster, tmp_path))

    assert json.loads((tmp_path / "seen").read_text())["spec"]["cluster"] == {
        "server": "https://x",
        "certificate-authority-data": base64.b64encode(b"CA").decode(),
        "config": {"audience": "a"},
    }
    assert Plugin.read(_given(), cluster, tmp_path).cluster == ""


def test_a_certificate_is_told_with_its_key():
    text = _answer(clientCertificateData="CERT", clientKeyData="KEY")
    found = credentials._read(text, Plugin("x"), "here")

    assert (found.certificate, found.key, found.token) == (b"CERT", b"KEY", "")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("echo hunter22-on-stdout; echo 'no login' >&2; exit 3", "exit code 3 (no login)"),
        ("exit 3", "exit code 3 (it said nothing)"),
        ("echo hunter22-on-stdout", "found no ExecCredential"),
        (f"echo '{_answer(V1BETA1, token='hunter22-on-stdout')}'", f"ExecCredential of {V1BETA1}; expected"),
        (f"echo '{_answer(kind='Other', token='hunter22-on-stdout')}'", "found Other"),
        (f"echo '{_answer(clientKeyData='hunter22-on-stdout')}'", "found no credentials"),
        (f"echo '{_answer(token='hunter22-on-stdout', clientKeyData='k')}'", "found no credentials"),
        (
            f"echo '{_answer(token='hunter22-on-stdout', expirationTimestamp='soon')}'",
            "found no ExecCredential",
        ),
        ("echo 'token=hunter22-on-stdout' >&2; exit 1", "exit code 1"),
    ],
)
def test_what_goes_wrong_is_one_line_that_quotes_nothing_secret(body, says, tmp_path):
    with pytest.raises(UnavailableError) as raised:
        credentials.ask(Plugin(_program(tmp_path, body), ("--token=hunter22-on-stdout",)))

    assert str(raised.value).startswith("kubeconfig: exec plugin 'plugin': found")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    shown = ""
    link: BaseException | None = raised.value
    while link is not None:
        shown, link = f"{shown}{link!r}", link.__cause__
    assert "hunter22" not in shown


def test_a_missing_program_is_told_with_its_hint(tmp_path):
    for missing in (str(tmp_path / "none"), "no-such-program"):
        with pytest.raises(UnavailableError, match=r"expected a program on PATH\. Install it \(see x\)"):
            credentials.ask(Plugin(missing, hint="Install it\n(see x)"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"apiVersion": V1, "interactiveMode": "Never"}, "exec.command: found none"),
        (_given(apiVersion="client.authentication.k8s.io/v1alpha1"), "exec.apiVersion: found"),
        ({"apiVersion": V1, "command": "x"}, "exec.interactiveMode: found None"),
        (_given(interactiveMode="Perhaps"), "exec.interactiveMode: found 'Perhaps'"),
    ],
)
def test_what_is_no_plugin_is_refused(given, says):
    with pytest.raises(ArgsError, match=says):
        Plugin.read(given, {}, None)


def test_the_beta_form_needs_no_mode_and_one_that_must_ask_a_person_is_refused():
    assert Plugin.read({"apiVersion": V1BETA1, "command": "x"}, {}, None).mode == "IfAvailable"
    with pytest.raises(UnavailableError, match="nobody is here"):
        credentials.ask(Plugin("x", mode="Always"))


def test_a_path_starts_from_the_kubeconfigs_folder_and_a_name_is_looked_up(tmp_path):
    assert Plugin.read(_given(command="bin/x"), {}, tmp_path).command == str(tmp_path / "bin/x")
    assert Plugin.read(_given(command="/bin/x"), {}, tmp_path).command == "/bin/x"
    assert Plugin.read(_given(command="x"), {}, tmp_path).command == "x"


def test_a_kubeconfig_with_a_plugin_is_written_and_read_again():
    plugin = Plugin(
        "x", ("a",), (("N", "v"),), V1, "Never", json.dumps({"server": "https://x"}), {"audience": 1}
    )
    config = Kubeconfig("https://x", plugin=plugin)

    assert Kubeconfig.read(config.text()) == config


class _Counting:
    """Stands in for running the plugin: each time another token."""

    def __init__(self, **life):
        self.asked, self._life = 0, life

    def __call__(self, _plugin):
        self.asked += 1
        expiry = datetime.now(UTC) + timedelta(**self._life) if self._life else None
        return credentials.Credentials(token=f"t{self.asked}", expiry=expiry)


def test_credentials_are_kept_until_they_expire_or_are_refused(monkeypatch):
    monkeypatch.setattr(credentials, "ask", asking := _Counting(hours=1))
    source = Source(Plugin("x"))
    first = source.current()
    assert source.current() is first

    source.refused(first)
    second = source.current()
    source.refused(first)

    assert source.current() is second
    assert asking.asked == 2
    monkeypatch.setattr(credentials, "ask", expired := _Counting(seconds=-1))
    source = Source(Plugin("x"))
    assert [source.current().token, source.current().token] == ["t1", "t2"]
    assert expired.asked == 2


def test_many_threads_ask_once(monkeypatch):
    monkeypatch.setattr(credentials, "ask", asking := _Counting())
    source = Source(Plugin("x"))
    threads = [threading.Thread(target=source.current) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert asking.asked == 1
