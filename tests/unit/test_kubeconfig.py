import pytest

from atoll.core.errors import ArgsError
from atoll.kubernetes import Kubeconfig

ONE = Kubeconfig("https://127.0.0.1:1", b"CA", b"CERT", b"KEY", name="one", namespace="here")


def test_what_is_written_is_read_again():
    assert Kubeconfig.read(ONE.text()) == ONE


def test_a_token_is_kept():
    config = Kubeconfig("https://x", token="secret", name="t")
    assert Kubeconfig.read(config.text()).token == "secret"


def test_files_are_found_from_the_kubeconfigs_folder(tmp_path):
    (tmp_path / "ca.pem").write_bytes(b"CA")
    text = ONE.text().replace("certificate-authority-data: Q0E=", "certificate-authority: ca.pem")

    assert Kubeconfig.read(text, folder=tmp_path).authority == b"CA"


@pytest.mark.parametrize(
    ("text", "context", "problem"),
    [
        ("a: [", None, "found no YAML"),
        ("- a", None, "found no mapping"),
        (ONE.text(), "two", "found 'two'; expected one of: one"),
        (
            ONE.text().replace("client-certificate-data", "auth-provider"),
            None,
            "found an auth-provider",
        ),
        (ONE.text().replace("server: https://127.0.0.1:1", "x: y"), None, "found no server"),
        (
            ONE.text().replace("certificate-authority-data: Q0E=", "certificate-authority: nowhere"),
            None,
            "readable",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(text, context, problem):
    with pytest.raises(ArgsError) as raised:
        Kubeconfig.read(text, context)

    assert problem in str(raised.value)
    assert len(raised.value.problems) == 1
    assert "\n" not in str(raised.value)
