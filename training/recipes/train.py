"""Train the stages of a recipe in order, each in a run folder of its own; what is finished stays."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from imgedit.errors import ConfigError
from imgedit.models import library
from training import train as start
from training.data import MADE
from training.data.sources import parted
from training.publish.figures import measured
from training.publish.stages import STAGE, USES
from training.recipes.recipe import DATA, MODEL, Recipe, Step
from training.run import checkpoint
from training.run import config as configs
from training.run.loop import PRECISIONS


def folders(recipe: Recipe, data: Sequence[str]) -> dict[str, str]:
    """Return name -> folder of the data sets of a recipe.

    Args:
        recipe: the recipe.
        data: `NAME:DIR` each.

    Raises:
        ConfigError: one is missing, unknown, named twice, not needed, or no folder.
    """
    given: dict[str, str] = {}
    for spec in data:
        name, folder = parted(spec)
        if name in given or name not in recipe.data:
            wanted = f"each of {', '.join(recipe.data)} once" if recipe.data else "no data"
            raise ConfigError(f"--data {spec}: {recipe.name} needs {wanted}")
        if name not in MADE and not Path(folder).is_dir():
            raise ConfigError(f"no folder {folder!r}; --data {name}:DIR names the folder of the data set")
        given[name] = folder
    if lacking := [name for name in recipe.data if name not in given]:
        wanted = "; ".join(f"--data {name}:DIR ({recipe.data[name]})" for name in lacking)
        raise ConfigError(f"{recipe.name} also needs {wanted}")
    return given


def train(
    recipe: Recipe, run: Path, data: Mapping[str, str], *, console: Console | None = None, command: str = "", **how: Any
) -> Path:
    """Train the stages of a recipe one after the other, and return the run folder of the last.

    A stage that is finished is not trained again, one that was interrupted goes on.

    Args:
        recipe: what to train.
        run: folder of the run folders of its stages.
        data: name -> folder (`folders`).
        console: where progress is said.
        command: kept with each run.
        how: `device`, `threads`, `sample_every`, `checkpoint_every` of `training.train.begin`.

    Raises:
        ConfigError: a stage's run folder was trained by other settings.
        ImgeditError: see `training.train.begin`.
        KeyboardInterrupt: the user stopped; the stage was saved.
    """
    if recipe.converted:
        raise ConfigError(f"{recipe.name} is not trained here: {recipe.converted}")
    console = console or Console(stderr=True)
    places = _places(recipe, run, data)
    for number, step in enumerate(recipe.stages, start=1):
        folder, uses = run / step.name, _uses(step, places)
        told = f"stage {number} of {len(recipe.stages)}, {step.name}: {step.method} to step {step.length()}"
        begun = bool(checkpoint.found(folder))
        if begun:
            _check_same(step, folder)
        if is_finished(step, folder):
            console.print(f"{told}: done", highlight=False, soft_wrap=True)
            continue
        console.print(told, highlight=False, soft_wrap=True)
        for name in (*step.uses.values(), step.init):
            if name.startswith(MODEL):
                _export(run / name.removeprefix(MODEL), Path(places[name]), bool(recipe.export.get("half")))
        start.begin(
            step.method,
            data=f"{step.data}:{data[step.data]}",
            preset=step.preset,
            settings=step.options(),
            uses=uses,
            run=folder,
            resume=begun,
            until=step.until,
            precision=step.precision,
            init=None if begun else places.get(step.init, step.init) or None,
            about={
                "command": command,
                "recipe": recipe.name,
                STAGE: step.name,
                "note": step.note,
                USES: {key: name.removeprefix(DATA).removeprefix(MODEL) for key, name in step.uses.items()},
            },
            **how,
        )
    return run / recipe.stages[-1].name


def _export(run: Path, model: Path, half: bool) -> None:
    """Make the model that a later stage needs of a stage, unless it is there."""
    if not model.exists():
        from training.publish import export  # onnx, which most recipes do not need

        export.export(run, model, half=half)


def _check_same(step: Step, folder: Path) -> None:
    """Complain of a run folder that does not hold this stage.

    Raises:
        ConfigError: its method or a setting is another one; folders in `uses` may have moved.
    """
    stored, wanted = checkpoint.stored_config(folder), configs.to_json(step.config())
    if stored.get("method") != step.method:
        raise ConfigError(f"{folder} is no run of {step.method}; name another folder with --run")
    for key, value in wanted.items():
        if key not in step.uses and stored["config"].get(key) != value:
            raise ConfigError(
                f"{folder} was trained with {key}={stored['config'].get(key)}, the recipe has {value}; name another "
                "folder with --run"
            )


def is_finished(step: Step, folder: Path) -> bool:
    """Tell whether the run folder of a stage has all its steps."""
    found = checkpoint.found(folder)
    return bool(found) and int(found[-1].name) >= step.length()


def plan(recipe: Recipe, run: Path, data: Mapping[str, str]) -> list[tuple[str, bool]]:
    """Return the commands that do the same one by one, and whether each has been carried out."""
    places = _places(recipe, run, data)
    lines: list[tuple[str, bool]] = []
    for step in recipe.stages:
        for name in (*step.uses.values(), step.init):
            if name.startswith(MODEL):
                words = ["imgedit", "export", str(run / name.removeprefix(MODEL)), "-o", places[name]]
                line = shlex.join([*words, "--half"] if recipe.export.get("half") else words)
                lines += [(line, Path(places[name]).exists())] if line not in dict(lines) else []
        words = ["imgedit", "train", step.method, "--data", f"{step.data}:{data.get(step.data, 'DIR')}"]
        words += ["--preset", step.preset, "--run", str(run / step.name)]
        words += [
            word
            for setting in (*step.options(), *(f"{k}={v}" for k, v in _uses(step, places).items()))
            for word in ("--set", setting)
        ]
        words += ["--init", places.get(step.init, step.init)] if step.init else []
        words += ["--until", str(step.until)] if step.until is not None else []
        words += ["--precision", step.precision] if step.precision != PRECISIONS[0] else []
        lines.append((shlex.join(words), is_finished(step, run / step.name)))
    return lines


def _places(recipe: Recipe, run: Path, data: Mapping[str, str]) -> dict[str, str]:
    """Return stage -> run folder and `data:NAME` -> folder; a bundled model is found by its own id.

    The model of a stage lies in its run folder.
    """
    places = {step.name: str((run / step.name).resolve()) for step in recipe.stages}
    places |= {MODEL + name: str(Path(folder) / "model") for name, folder in places.items()}
    return places | {DATA + name: str(Path(folder).resolve()) for name, folder in data.items()}


def _uses(step: Step, places: Mapping[str, str]) -> dict[str, str]:
    return {key: places.get(name, name) for key, name in step.uses.items()}


def summary(recipe: Recipe) -> str:
    """Return one line on a recipe: its stages, how many steps they have, its data, and whether it is exact."""
    if recipe.converted:
        return f"{recipe.name}: {recipe.converted}"
    steps = sum(step.length() for step in recipe.stages)
    n, sets = len(recipe.stages), ", ".join(recipe.data)
    bundled = (library.bundled_folder() / recipe.model).is_dir()
    noted = recipe.note or any(step.note for step in recipe.stages)
    exact = "; not bundled" if not bundled else "; not exactly as bundled" if noted else ""
    return f"{recipe.name}: {n} stage{'s' * (n > 1)}, {steps:,} steps, data: {sets}{exact}"


def what_next(recipe: Recipe, run: Path, data: Mapping[str, str]) -> list[str]:
    """Return how to measure the last stage's run, or what its figures reach, and how to export it."""
    lines = []
    command = str(recipe.figures.get("command", ""))
    for key, value in {"run": str(run), **data}.items():
        command = command.replace(f"{{{key}}}", shlex.quote(value))
    metrics = measured(run, int(checkpoint.latest(run).name))
    if not metrics and command:
        lines.append(f"measure it: {command}")
    elif command:
        missed = recipe.missed(metrics)
        lines += [f"not reached: {line}" for line in missed] or ["its figures are what the recipe wants"]
    return [*lines, f"export it: {recipe.export_command(run)}"]
