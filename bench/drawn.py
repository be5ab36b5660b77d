"""Charts of what was measured, as SVG. Run by a Python of its own: `drawn.py DRAWING...`, each a file of JSON.

A drawing is {"kind": "bars" or "lines", "title", "x", "y", "out", "series": {name: {label or number: value}}}: bars side by side
for each label, on a logarithmic scale, or a line for each name over numbers.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

# Text stays text, and the same figures give the same file.
mpl.use("svg")
mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "atoll", "font.size": 9})

from matplotlib import pyplot as plt  # noqa: E402 - after its settings


def bars(axes: Any, series: dict[str, dict[str, float]]) -> None:
    """A group of bars for each label, the names in one order."""
    labels = list(dict.fromkeys(label for values in series.values() for label in values))
    width = 0.8 / len(series)
    for number, (name, values) in enumerate(series.items()):
        places = [index + number * width for index, label in enumerate(labels) if label in values]
        axes.bar(places, [values[label] for label in labels if label in values], width, label=name)
    axes.set_yscale("log")
    axes.set_xticks([index + 0.4 - width / 2 for index in range(len(labels))], labels)


def lines(axes: Any, series: dict[str, dict[str, float]]) -> None:
    """A line for each name."""
    for name, values in series.items():
        axes.plot([float(at) for at in values], list(values.values()), marker="o", label=name)
    axes.set_ylim(bottom=0)


def draw(drawing: dict[str, Any]) -> None:
    """Writes one."""
    figure, axes = plt.subplots(figsize=(8, 4.6))
    {"bars": bars, "lines": lines}[drawing["kind"]](axes, drawing["series"])
    axes.set(title=drawing["title"], xlabel=drawing.get("x", ""), ylabel=drawing["y"])
    axes.grid(axis="y", linewidth=0.3)
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
    figure.tight_layout()
    figure.savefig(drawing["out"], metadata={"Date": None, "Creator": None})
    plt.close(figure)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        draw(json.loads(Path(path).read_text()))
