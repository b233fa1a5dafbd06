"""A recipe: the stages that lead to a model, the data that they need, and the figures that it must reach.

A recipe is a TOML file:

    model = "stargan_hair.celeba"          # id of what comes out
    note = "What is not exactly as it was."

    [data]
    celeba = "CelebA in torchvision's layout"

    [[stages]]
    name = "teacher"                       # its run folder within that of the recipe
    method = "hair_classifier"
    data = "celeba"                        # a key of [data]
    preset = "judge"                       # default: the method's first
    settings = { seed = 3 }

    [[stages]]
    name = "hair"
    method = "hair_grid"
    data = "celeba"
    init = "model:first"                   # a stage before this one, "model:STAGE" (its export), or a bundled model
    uses = { teacher = "teacher" }         # setting -> the same, or "data:NAME" for the folder of a set
    until = 1200                           # stop here, before the stage's length
    precision = "bf16"

    [export]
    half = true
    words = ["blond"]

    [figures]
    command = "imgedit evaluate faces {run} --data celeba:{celeba}"
    at_least = { mean_accuracy = 0.9 }

A stage `{ recipe = "NAME" }` stands for all stages of another recipe; its name means the last of them. A model that was
not trained here says `converted = "how"` and has no stages.
"""

from __future__ import annotations

import dataclasses
import difflib
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imgedit.errors import ConfigError
from imgedit.files import read_file
from training.data import DATASETS
from training.recipes import fields
from training.run import config as configs
from training.run.loop import PRECISIONS

FOLDER = Path(__file__).parent
_LIMIT = 1 << 20  # bytes
DATA, MODEL = "data:", "model:"


@dataclass(frozen=True)
class Step:
    """One stage of a recipe; see the head of this file.

    Attributes:
        name: of the stage.
        method: id of the training method.
        data: name of the data set.
        preset: of the method.
        settings: in place of the preset's.
        uses: setting -> stage, model, or `data:NAME`.
        init: stage or model that its weights start from, or nothing.
        precision: `fp32` or `bf16`.
        until: step at which it stops, where that is not the end.
        note: what is not exactly as it was.
    """

    name: str
    method: str
    data: str
    preset: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    init: str = ""
    precision: str = "fp32"
    until: int | None = None
    note: str = ""

    def options(self) -> list[str]:
        """Return the settings as `field=value`."""
        return [f"{key}={value if isinstance(value, str) else repr(value)}" for key, value in self.settings.items()]

    def config(self) -> Any:
        """Return the stage's config, in which `uses` stand by their names.

        Raises:
            ConfigError: the method does not know a setting, or refuses its value.
        """
        named = [f"{key}={name}" for key, name in self.uses.items()]
        return configs.resolve(self.method, self.preset, [*self.options(), *named])

    def facts(self) -> dict[str, Any]:
        """Return the stage as a manifest lists it (`training.publish.stages`)."""
        config = configs.to_json(self.config()) | {key: _plain(name) for key, name in self.uses.items()}
        return {
            "name": self.name,
            "method": self.method,
            "preset": self.preset,
            "config": config,
            "steps": self.length(),
            "data": self.data,
            "init": _plain(self.init),
            "precision": self.precision,
            "note": self.note,
        }

    def length(self) -> int:
        """Return the step at which the stage ends."""
        steps = int(self.config().steps)
        return steps if self.until is None else min(steps, self.until)


@dataclass(frozen=True)
class Recipe:
    """The stages of a model; see the head of this file.

    Attributes:
        name: of the file.
        model: id of the model.
        note: what is not exactly as it was.
        data: name of a data set -> what it must hold.
        stages: in the order in which they are trained.
        converted: how the model came about, where it was not trained here.
        export: `half`, and `words` that users may type.
        figures: `command`, and `at_least` and `at_most` by the name of a figure (`edits.Bangs.accuracy`).
    """

    name: str
    model: str
    data: Mapping[str, str]
    stages: tuple[Step, ...]
    note: str = ""
    converted: str = ""
    export: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    def export_command(self, run: Path) -> str:
        """Return the command that makes the model of a run of the last stage."""
        words = ["imgedit", "export", str(run), "-o", f"models/{self.model}", "--id", self.model]
        if self.export.get("half"):
            words.append("--half")
        if names := self.export.get("words"):
            words += ["--words", ",".join(names)]
        return shlex.join(words)

    def missed(self, metrics: Mapping[str, Any]) -> list[str]:
        """Return what measured figures do not reach, one line a figure."""
        lines = []
        for relation, sign in (("at_least", 1.0), ("at_most", -1.0)):
            for name, wanted in self.figures.get(relation, {}).items():
                found = figure(metrics, name)
                if found is None:
                    lines.append(f"{name} was not measured")
                elif sign * found < sign * wanted:
                    lines.append(f"{name} is {found:.4g}, wanted {relation.replace('_', ' ')} {wanted:.4g}")
        return lines


def _plain(name: str) -> str:
    """Return what a reference names, without how it is used."""
    return name.removeprefix(DATA).removeprefix(MODEL)


def figure(metrics: Mapping[str, Any], name: str) -> float | None:
    """Return the figure with a dotted name of nested figures; None where there is none."""
    value: Any = metrics
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return float(value) if isinstance(value, int | float) else None


def names() -> list[str]:
    """Return the names of the recipes that come with imgedit."""
    return sorted(path.name.removesuffix(".toml") for path in FOLDER.glob("*.toml"))


def find(name: str) -> Recipe:
    """Read a recipe by name, or a file by a path that ends in `.toml`.

    Raises:
        ConfigError: it is unknown, or not as the head of this file says.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.5)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigError(f"unknown recipe {name!r}{hint}; known: {', '.join(names())}; or a file NAME.toml")
    return read(path)


def read(path: Path, _within: tuple[str, ...] = ()) -> Recipe:
    """Read and check a recipe file.

    Raises:
        ConfigError: it is missing, or not as the head of this file says.
    """
    name = path.name.removesuffix(".toml")
    if name in _within:
        raise ConfigError(f"recipe {name} contains itself")
    try:
        content = tomllib.loads(read_file(path, _LIMIT).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"recipe {path} cannot be read: {reason}") from error
    fields.check(content, f"recipe {path}")
    _check(bool(content.get("stages") or content.get("converted")), path, "it has no [[stages]]")
    data = dict(content.get("data", {}))
    steps: list[Step] = []
    for stage in content.get("stages", ()):
        if "recipe" in stage:
            other = find(stage["recipe"]) if not _within else read(FOLDER / f"{stage['recipe']}.toml", (*_within, name))
            steps += _included(other)
            data = {**other.data, **data}
        else:
            steps.append(_step(stage, path))
    recipe = Recipe(
        name,
        content.get("model", name),
        data,
        tuple(steps),
        content.get("note", ""),
        content.get("converted", ""),
        content.get("export", {}),
        content.get("figures", {}),
    )
    _check_references(recipe, path)
    return recipe


def _step(stage: Mapping[str, Any], path: Path) -> Step:
    label = stage.get("name", "without a name")
    for key in ("name", "method", "data"):
        _check(bool(stage.get(key)), path, f"stage {label} needs {key}")
    try:
        module = configs.method_module(stage["method"])
        step = Step(**{"preset": next(iter(module.PRESETS)), **stage})
        step.config()
    except ConfigError as error:
        raise ConfigError(f"recipe {path}: stage {label}: {error}") from error
    _check(step.precision in PRECISIONS, path, f"stage {label}: precision is one of {', '.join(PRECISIONS)}")
    return step


def _included(recipe: Recipe) -> Iterator[Step]:
    """Yield the stages of another recipe, each within a folder of its name; its own name means the last."""
    last = recipe.stages[-1].name
    inside = {step.name: recipe.name if step.name == last else f"{recipe.name}/{step.name}" for step in recipe.stages}
    inside |= {MODEL + before: MODEL + now for before, now in inside.items()}
    for step in recipe.stages:
        uses = {key: inside.get(name, name) for key, name in step.uses.items()}
        yield dataclasses.replace(step, name=inside[step.name], uses=uses, init=inside.get(step.init, step.init))


def _check_references(recipe: Recipe, path: Path) -> None:
    """Complain of a stage that names what does not come before it, or data that the recipe does not list."""
    before: set[str] = set()
    all_names = {step.name for step in recipe.stages}
    for step in recipe.stages:
        _check(step.name not in before, path, f"two stages are called {step.name}")
        _check(step.data in recipe.data and step.data in DATASETS, path, f"stage {step.name}: no data set {step.data}")
        for name in (*step.uses.values(), step.init):
            if name.startswith(DATA):
                _check(name.removeprefix(DATA) in recipe.data, path, f"stage {step.name}: no data set {name}")
                continue
            stage = name.removeprefix(MODEL)
            missing = stage not in before and (stage in all_names or name != stage)
            _check(not missing, path, f"stage {step.name} needs {stage}, which does not come before it")
        before.add(step.name)


def _check(condition: bool, path: Path, message: str) -> None:
    if not condition:
        raise ConfigError(f"recipe {path}: {message}")
