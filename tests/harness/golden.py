"""Text that is compared with a file as it stands; ATOLL_UPDATE_GOLDEN=1 writes the files anew."""

import os
from pathlib import Path

VARIABLE = "ATOLL_UPDATE_GOLDEN"


def compare(path: Path, text: str) -> None:
    """Fails where the file says something else; the difference is pytest's to show."""
    if os.environ.get(VARIABLE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"{path}: found no file. Run: {VARIABLE}=1 pytest {path.parent}"
    assert path.read_text() == text
