"""Methods under equal conditions, over seeds: trained where asked for, measured once, printed from kept figures.

A run is a folder `NAME-SEED`. Finished ones are measured once and keep their figures in `evaluation.json`, which is
enough for their rows when the weights are gone. A comparison says which runs it has, how one is measured and what its
rows are.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from imgedit.errors import ConfigError
from training import train as start
from training.evaluate import result as results
from training.evaluate.drawn import rejection
from training.evaluate.layout import Block, Title, Verbatim
from training.publish.figures import EVALUATION
from training.recipes import recipe as recipes
from training.run import checkpoint, record

COMPARISONS = {
    "mnist-gans": "training.evaluate.tables.mnist_gans",
    "gaussian-modes": "training.evaluate.tables.gaussian_modes",
    "mnist-latents": "training.evaluate.tables.mnist_latents",
    "face-latents": "training.evaluate.tables.face_latents",
    "few-shot": "training.evaluate.tables.few_shot",
    "translation-hair": "training.evaluate.tables.translation_hair",
    "translation-sleeves": "training.evaluate.tables.translation_sleeves",
}
"""Name -> the module whose attribute `COMPARISON` it is."""


@dataclass(frozen=True)
class Training:
    """How a run of a comparison is trained, and how many seeds of it `--train` makes (None: as many as asked for).

    `precision` is as `imgedit train` takes it.
    """

    method: str
    preset: str
    settings: tuple[str, ...] = ()
    seeds: int | None = 1
    precision: str = "fp32"

    @classmethod
    def of_recipe(cls, name: str, seeds: int | None = None) -> Training:
        """Return the last stage of a recipe that comes with imgedit.

        Args:
            name: of the recipe.
            seeds: as above.
        """
        step = recipes.find(name).stages[-1]
        return cls(step.method, step.preset, tuple(step.options()), seeds, step.precision)

    def having(self, *settings: str) -> Training:
        """Return the same with more settings, `field=value`."""
        return replace(self, settings=(*self.settings, *settings))


@dataclass(frozen=True)
class Options:
    """What the figures depend on; the options of the same names, with their defaults where None."""

    features: str | None = None
    classifier: str | None = None
    inception_weights: Path | None = None
    n: int | None = None
    gamma: str = rejection.GAMMA
    device: str = "auto"
    command: str = ""


class Comparison(Protocol):
    """A comparison; made from `data` (`NAME:DIR`, or `NAME` alone where nothing has to be measured) and `Options`."""

    key: Mapping[str, Any]
    """What the figures of a run depend on beside its steps; kept with them."""

    @property
    def runs(self) -> Mapping[str, Training]:
        """Name of a run, without the seed -> how it is trained."""

    def __init__(self, data: str, options: Options) -> None: ...

    def measure(self, folder: Path) -> dict[str, Any]:
        """Return what `evaluation.json` of a run holds."""

    def result(self, measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return how it was measured, and `rows`.

        Args:
            measured: run -> seed -> what `measure` returned, with `method`, `minutes` of training and `n_drawn`, the
                number of pictures that training took.
        """

    def blocks(self, result: Mapping[str, Any]) -> list[Block]:
        """Return a sentence on how it was measured, and the rows as a table."""


def compare(
    name: str,
    runs: Path,
    data: str | None,
    options: Options,
    *,
    seeds: int = 3,
    train: bool = False,
    console: Console | None = None,
) -> dict[str, Any]:
    """Collect the figures of all runs of a comparison; measure and train what is missing.

    Args:
        name: a key of `COMPARISONS`.
        runs: folder of the runs.
        data: `NAME:DIR`; None takes the name from figures that are kept there, and nothing can be measured.
        options: how the runs are measured.
        seeds: look at runs of seed 0 to below this.
        train: train what is missing or unfinished; Ctrl-C saves, the same command goes on.
        console: for messages; None for stderr.

    Raises:
        ConfigError: a run is one of another method, nothing is finished, or data are needed and not named.
    """
    console = console or Console(stderr=True)
    data = data or _kept_data(name, runs)
    comparison = _comparison(name)(data, options)
    measured: dict[str, dict[int, dict[str, Any]]] = {}
    notes = []
    for stem, training in comparison.runs.items():
        for seed in range(seeds):
            folder = runs / f"{stem}-{seed}"
            found = _kept(folder, comparison.key)
            if found is None:
                wanted = train and seed < (seeds if training.seeds is None else training.seeds)
                if wanted and not is_finished(folder):
                    train_run(training, data, folder, seed, options)
                if is_finished(folder):
                    _check_method(folder, checkpoint.stored_config(folder)["method"], training)
                    console.print(f"measuring {folder.name}", highlight=False)
                    found = _measure(folder, comparison)
                elif checkpoint.found(folder):
                    notes.append(f"{folder.name} is not finished")
                elif (folder / EVALUATION).is_file():
                    notes.append(f"{folder.name} has no weights, and figures that were measured otherwise")
            if found is not None:
                _check_method(folder, found["method"], training)
                measured.setdefault(stem, {})[seed] = found
    if not measured:
        raise ConfigError(f"no finished run such as {next(iter(comparison.runs))}-0 in {runs}; --train makes them")
    return {
        "table": name,
        "command": options.command,
        "data": data.partition(":")[0],
        **comparison.result(measured),
        "notes": notes,
    }


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return a comparison's result as text and table, with what was left out and the command."""
    # What is printed follows from the result alone, so that no data set and no feature network is opened for it.
    found = [Title(result["table"]), *_comparison(result["table"]).blocks(result)]
    if result["notes"]:
        found.append("Left out: " + "; ".join(result["notes"]) + ".")
    return [*found, "Made by:", Verbatim([result["command"]])]


def train_run(training: Training, data: str, folder: Path, seed: int, options: Options) -> None:
    """Train a run of a comparison, or go on with it: a run that has begun keeps its own settings."""
    begun = checkpoint.found(folder)
    start.begin(
        training.method,
        data=data,
        preset=None if begun else training.preset,
        settings=() if begun else (*training.settings, f"seed={seed}"),
        run=folder,
        resume=bool(begun),
        device=options.device,
        precision=None if begun else training.precision,
        sample_every=10_000,
        checkpoint_every=2_000,
        about={"command": options.command},
    )


def is_finished(folder: Path) -> bool:
    """Tell whether a run has all its steps."""
    found = checkpoint.found(folder)
    return bool(found) and int(found[-1].name) >= checkpoint.stored_config(folder)["config"]["steps"]


def minutes(folder: Path) -> float:
    """Return how long a run trained, from its log."""
    return sum(drawn / rate for drawn, rate in _drawn(folder)) / 60


def n_drawn(folder: Path) -> int:
    """Return how many pictures a run's training took, from its log."""
    return sum(drawn for drawn, _ in _drawn(folder))


def _drawn(folder: Path) -> Iterator[tuple[int, float]]:
    """Yield pictures that were drawn, and pictures a second, for every row of a run's log.

    Rows of runs before 30 November 2026 do not say how many; theirs are counted as one batch a step.
    """
    batch_size = checkpoint.stored_config(folder)["config"]["batch_size"]
    before = 0
    for row in record.rows(folder / record.LOG):
        yield row.get("images", (row["step"] - before) * batch_size), row["images_per_second"]
        before = row["step"]


def _comparison(name: str) -> Any:
    return importlib.import_module(COMPARISONS[name]).COMPARISON


def _check_method(folder: Path, method: str, training: Training) -> None:
    if method != training.method:
        raise ConfigError(f"{folder} is a run of {method}, the table wants {training.method}")


def _kept_data(name: str, runs: Path) -> str:
    """Return the data set that the kept figures of some run name.

    Raises:
        ConfigError: there are none.
    """
    for path in sorted(path for path in runs.glob(f"*/{EVALUATION}") if path.is_file()):
        found = _read(path).get("measured_as", {}).get("data")
        if isinstance(found, str):
            return found
    raise ConfigError(f"no run in {runs} has figures for {name}; --data NAME:DIR names what to measure by")


def _kept(folder: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the figures that a run keeps, if they were measured so and its weights are those or gone."""
    kept = _read(folder / EVALUATION)
    weights = checkpoint.found(folder)
    steps = int(weights[-1].name) if weights else kept.get("steps")
    return kept if kept.get("measured_as") == {**key, "steps": steps} else None


def _read(path: Path) -> dict[str, Any]:
    """Return a JSON object; an empty one where there is none or it is damaged, so that a run is measured anew."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _measure(folder: Path, comparison: Comparison) -> dict[str, Any]:
    stored = checkpoint.stored_config(folder)
    result = comparison.measure(folder) | {
        "method": stored["method"],
        "minutes": minutes(folder),
        "n_drawn": n_drawn(folder),
        "measured_as": {**comparison.key, "steps": int(checkpoint.latest(folder).name)},
    }
    results.write(result, folder)
    return result
