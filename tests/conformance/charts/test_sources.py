"""Charts in a registry: named by digest, over TLS, for whoever trusts it."""

import re
import socket

import pytest
import yaml

from atoll import toolchain
from atoll.charts import rendered
from atoll.charts.release_effects import ChartValues
from atoll.core import command, x509
from atoll.helm import Chart, Helm, HelmError
from harness import helm
from harness.waiting import until

_IMAGE = yaml.safe_load((helm.CASES / "image.yaml").read_text())


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The chart `service` in a real registry: its source."""
    folder = tmp_path_factory.mktemp("registry")
    authority = x509.authority("registry")
    served = x509.leaf(authority, x509.Subject("registry", hosts=("127.0.0.1",)))
    for name, content in (("ca", authority.certificate), ("cert", served.certificate), ("key", served.key)):
        (folder / name).write_bytes(content)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "tls": {"certificate": str(folder / "cert"), "key": str(folder / "key")},
        },
    }
    (folder / "config.yml").write_text(yaml.safe_dump(settings))
    program = toolchain.ensure(["registry"])["registry"]
    running = command.Group([program, "serve", folder / "config.yml"], env={}, cwd=folder)
    try:
        until(lambda: _answers(port), "the registry to listen")
        yield {"oci": _pushed(port, authority, folder), "authority": str(folder / "ca")}
    finally:
        running.stop()
        running.wait()


def _answers(port):
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def _pushed(port, authority, folder):
    """The address of the chart by its digest."""
    with Helm() as program:
        program.run("package", helm.CHART, "--destination", folder)
        (archive,) = folder.glob("*.tgz")
        place = f"oci://127.0.0.1:{port}/charts"
        words = Chart(place, authority=authority.certificate.decode()).words(program.folder)[1:]
        done = program.tried("push", archive, place, *words)
        assert done.code == 0, done.stderr
        return f"{place}/service@{re.findall(r'sha256:[0-9a-f]{64}', done.stdout + done.stderr)[0]}"


def test_a_chart_is_rendered_from_its_digest_as_from_its_folder(stored):
    assert rendered(stored, "web", "shop", [_IMAGE]) == rendered(
        {"path": str(helm.CHART)}, "web", "shop", [_IMAGE]
    )


def test_its_values_are_checked_by_the_schema_that_it_carries(stored):
    (failure,) = ChartValues(lambda _: pytest.fail("nobody names a registry")).check(
        {"source": stored, "values": {**_IMAGE, "replica": 3}}
    )

    assert failure.name == "values.replica"
    assert "Did you mean 'replicas'?" in failure.reason


def test_another_digest_and_a_registry_that_is_not_trusted_are_told(stored):
    other = re.sub(r"sha256:\w+", "sha256:" + "0" * 64, stored["oci"])
    with pytest.raises(HelmError, match="not found"):
        rendered({**stored, "oci": other}, "web", "shop", [_IMAGE])
    with pytest.raises(HelmError, match="certificate signed by unknown authority"):
        rendered({"oci": stored["oci"]}, "web", "shop", [_IMAGE])
