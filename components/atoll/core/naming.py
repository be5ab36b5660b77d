"""The names that everything else is found by: type tokens, children, Kubernetes names. Pure."""

import re

PACKAGE = "atoll"
FIELD_MANAGER = "atoll"
"""The field manager of every object that Atoll writes, fixed so that a retry never conflicts with itself."""

MARK = "app.kubernetes.io/managed-by"
"""The label that marks an object as Atoll's."""

_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_LIMIT = 63


def type_token(class_name: str) -> str:
    """The Pulumi type of a class; Python's component host takes no module but `index`."""
    return f"{PACKAGE}:index:{class_name}"


def child(component: str, role: str) -> str:
    """The name of a component's child."""
    return f"{component}-{role}"


def dns_label_problem(name: str) -> str | None:
    """What keeps a name from being a DNS label, or None.

    Source: RFC 1123, as Kubernetes reads it (k8s.io/apimachinery/pkg/util/validation).
    """
    if len(name) > LABEL_LIMIT:
        return f"expected at most {LABEL_LIMIT} characters (a DNS label)"
    if not _LABEL.fullmatch(name):
        return "expected a DNS label: a-z, 0-9 and '-', beginning and ending with a letter or digit"
    return None


def data_key_problem(name: str) -> str | None:
    """What keeps a name from being a key of a Secret or ConfigMap, or None.

    Source: k8s.io/apimachinery/pkg/util/validation, IsConfigMapKey.
    """
    if not _DATA_KEY.fullmatch(name) or name == "." or name.startswith(".."):
        return "expected a key of a Secret: A-Z, a-z, 0-9, '-', '_' and '.', at most 253"
    return None
