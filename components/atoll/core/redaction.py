"""The one filter through which every line of a program or a log goes before it is shown."""

import re

HIDDEN = "[redacted]"
_PATTERNS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?i)(?<=bearer )[a-z0-9._~+/=-]{8,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),
    re.compile(r"(?i)(?<=password=)[^\s&\"']+|(?<=token=)[^\s&\"']+|(?<=secret=)[^\s&\"']+"),
    re.compile(r"(?i)(?<=-key-data: )\S+|(?<=client-key-data\": \")[^\"]+"),
)


def redact(text: str) -> str:
    """The text with everything that looks like a key, a token or a password taken out."""
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    return text
