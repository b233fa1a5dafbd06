"""`imgedit evaluate --table NAME`: methods under equal conditions, over seeds; resumable.

A run is a folder `NAME-SEED`. Finished ones are measured once and keep their figures in `evaluation.json`, which is
enough for their rows when the weights are gone; the others are trained only if asked for. A table says which runs it
has, how one is measured and what its rows are.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from rich.console import Console

from imgedit.errors import ConfigError
from imgedit.files import write_whole
from training import train as start
from training.evaluate import report
from training.evaluate.drawn import rejection
from training.publish.export import EVALUATION
from training.run import checkpoint, record

TABLES = {
    "mnist-gans": "training.evaluate.tables.gan_table",
    "gaussian-modes": "training.evaluate.tables.mode_table",
    "mnist-latents": "training.evaluate.tables.latent_table",
}
"""Name -> the module whose class `Table` it is; the name is also that of the files."""


@dataclass(frozen=True)
class Training:
    """How a run of a table is trained, and how many seeds of it `--train` makes (None: as many as asked for)."""

    method: str
    preset: str
    settings: tuple[str, ...] = ()
    seeds: int | None = 1


@dataclass(frozen=True)
class Options:
    """What the figures depend on; `imgedit evaluate`'s options of the same names, with its defaults where None."""

    features: str = "lenet"
    classifier: str | None = None
    n: int | None = None
    gamma: str = rejection.GAMMA
    device: str = "auto"
    command: str = ""


class Table(Protocol):
    """A table; made from `data` (`NAME:DIR`) and `Options`."""

    runs: ClassVar[Mapping[str, Training]]
    key: Mapping[str, Any]
    """What the figures of a run depend on beside its steps; kept with them."""

    def __init__(self, data: str, options: Options) -> None: ...

    def measure(self, folder: Path) -> dict[str, Any]:
        """Return what `evaluation.json` of a run holds."""

    def result(self, measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return how it was measured, and `rows`.

        Args:
            measured: run -> seed -> what `measure` returned, with `method`, `minutes` of training and `n_drawn`, the
                number of pictures drawn in it.
        """

    def markdown(self, result: Mapping[str, Any]) -> str:
        """Return a sentence on how it was measured, and the rows as a table."""


def run(
    name: str,
    data: str,
    runs: Path,
    options: Options,
    *,
    seeds: int = 3,
    train: bool = False,
    console: Console | None = None,
) -> tuple[dict[str, Any], str]:
    """Make a table, and write it as `NAME.md` and `NAME.json` into the folder of the runs.

    Args:
        name: a key of `TABLES`.
        data: `NAME:DIR`.
        runs: folder of the runs.
        options: how they are measured.
        seeds: look at runs of seed 0 to below this.
        train: train what is missing or unfinished; Ctrl-C saves, the same command goes on.
        console: for messages; None for stderr.

    Returns:
        The figures and the same as Markdown.

    Raises:
        ConfigError: the table is unknown, a run is one of another method, or nothing is finished.
    """
    if name not in TABLES:
        raise ConfigError(f"--table is one of {', '.join(TABLES)}, got {name!r}")
    console = console or Console(stderr=True)
    table: Table = importlib.import_module(TABLES[name]).Table(data, options)
    measured: dict[str, dict[int, dict[str, Any]]] = {}
    notes = []
    for stem, training in table.runs.items():
        for seed in range(seeds):
            folder = runs / f"{stem}-{seed}"
            found = _kept(folder, table.key)
            if found is None:
                wanted = train and seed < (seeds if training.seeds is None else training.seeds)
                if wanted and not is_finished(folder):
                    train_run(training, data, folder, seed, options)
                if is_finished(folder):
                    _check_method(folder, checkpoint.stored_config(folder)["method"], training)
                    console.print(f"measuring {folder.name}", highlight=False)
                    found = _measure(folder, table)
                elif checkpoint.found(folder):
                    notes.append(f"{folder.name} is not finished")
                elif (folder / EVALUATION).is_file():
                    notes.append(f"{folder.name} has no weights, and figures that were measured otherwise")
            if found is not None:
                _check_method(folder, found["method"], training)
                measured.setdefault(stem, {})[seed] = found
    if not measured:
        raise ConfigError(f"no finished run such as {next(iter(table.runs))}-0 in {runs}; --train makes them")
    result = {
        "table": name,
        "command": options.command,
        "data": data.partition(":")[0],
        **table.result(measured),
        "notes": notes,
    }
    text = "\n\n".join(
        [
            f"# {name}",
            table.markdown(result),
            *(["Left out: " + "; ".join(notes) + "."] if notes else []),
            f"Made by `{options.command}`.\n",
        ]
    )
    for suffix, content in ((".md", text), (".json", json.dumps(result, indent=2) + "\n")):
        write_whole(runs / f"{name}{suffix}", content)
    return result, text


def train_run(training: Training, data: str, folder: Path, seed: int, options: Options) -> None:
    """Train a run of a table, or go on with it: a run that has begun keeps its own settings."""
    begun = checkpoint.found(folder)
    start.begin(
        training.method,
        data=data,
        preset=None if begun else training.preset,
        settings=() if begun else (*training.settings, f"seed={seed}"),
        run=folder,
        resume=bool(begun),
        device=options.device,
        sample_every=10_000,
        checkpoint_every=2_000,
        about={"command": options.command},
    )


def is_finished(folder: Path) -> bool:
    """Tell whether a run has all its steps."""
    found = checkpoint.found(folder)
    return bool(found) and int(found[-1].name) >= checkpoint.stored_config(folder)["config"]["steps"]


def minutes(folder: Path) -> float:
    """Return how long a run trained, from its log; a step is one batch."""
    batch_size = checkpoint.stored_config(folder)["config"]["batch_size"]
    seconds, before = 0.0, 0
    for row in record.rows(folder / record.LOG):
        seconds += (row["step"] - before) * batch_size / row["images_per_second"]
        before = row["step"]
    return seconds / 60


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with columns of even width."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(c.ljust(w) for c, w in zip(row, widths, strict=True))} |" for row in lines)


def _check_method(folder: Path, method: str, training: Training) -> None:
    if method != training.method:
        raise ConfigError(f"{folder} is a run of {method}, the table wants {training.method}")


def _kept(folder: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the figures that a run keeps, if they were measured so and its weights are those or gone."""
    try:
        kept: dict[str, Any] = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # none, or damaged: it is measured anew
        return None
    weights = checkpoint.found(folder)
    steps = int(weights[-1].name) if weights else kept.get("steps")
    return kept if kept.get("measured_as") == {**key, "steps": steps} else None


def _measure(folder: Path, table: Table) -> dict[str, Any]:
    stored = checkpoint.stored_config(folder)
    result = table.measure(folder) | {
        "method": stored["method"],
        "minutes": minutes(folder),
        "n_drawn": stored["config"]["steps"] * stored["config"]["batch_size"],
        "measured_as": {**table.key, "steps": int(checkpoint.latest(folder).name)},
    }
    report.write(result, str(folder))
    return result
