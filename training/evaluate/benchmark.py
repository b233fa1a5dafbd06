"""What `imgedit benchmark --json` measured, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.evaluate.layout import Block, Table

__all__ = ["blocks"]

_GRAPHS = ("GMAC", "parameters", "bytes", "ms", "bound, times ms", "ms each of 8")


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return the machine, and a table for each part that was measured."""
    machine = result["machine"]
    found: list[Block] = [
        f"{machine['processor'] or 'a processor without a name'}, {machine['cores']} cores, threads of a graph: "
        f"{machine['threads']}, device {machine['device']}; at most {machine['peak memory, MB']} MB. Medians, in "
        "seconds by the clock unless a name says otherwise; `bound, times ms`: the time with IO binding as a "
        "multiple of that without; `ms each of 8`: where a graph takes any number of pictures, given eight at once."
    ]
    for part in ("start", "edits", "detection", "folder"):
        if part in result:
            found.append(Table((part, "measured"), [[name, _shown(value)] for name, value in result[part].items()]))
    if "models" in result:
        rows = [[name, *(_shown(graph.get(key)) for key in _GRAPHS)] for name, graph in result["models"].items()]
        found.append(Table(("graph", *_GRAPHS), rows))
    return found


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
