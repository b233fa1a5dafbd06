"""What `imgedit benchmark --json` gave, printed by `imgedit evaluate show`."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.command_line import app

MACHINE = {"processor": "a chip", "cores": 2, "threads": 1, "device": "cpu", "peak memory, MB": 350}


def test_each_part_that_was_measured_is_a_table(tmp_path: Path) -> None:
    graph = {"GMAC": 0.01, "parameters": 1234567, "bytes": 99, "ms": 2.5}
    told = {
        "kind": "benchmark",
        "model": "imgedit 1",
        "command": "imgedit benchmark --json",
        "machine": MACHINE,
        "folder": {"photos": 200, "memory, MB": [300, 301]},
        "models": {"m: a": graph, "m: b": graph | {"bound, times ms": 1.02, "ms each of 8": 2.0}},
    }
    (tmp_path / "b.json").write_text(json.dumps(told))
    done = CliRunner().invoke(app, ["evaluate", "show", str(tmp_path / "b.json"), "--markdown"])
    assert done.exit_code == 0, done.stderr
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert rows[0] == "# imgedit 1"
    assert rows[2].startswith("a chip, 2 cores, threads of a graph: 1, device cpu; at most 350 MB.")
    assert "| memory, MB | 300, 301 |" in rows
    assert "| m: a | 0.01 | 1,234,567 | 99 | 2.5 | | |" in rows
    assert "| m: b | 0.01 | 1,234,567 | 99 | 2.5 | 1.02 | 2.0 |" in rows
    assert "imgedit benchmark --json" in rows
    assert "edits" not in done.stdout
