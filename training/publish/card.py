"""The model card: `README.md` of a model folder, made from its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgedit.errors import ConfigError
from imgedit.models.manifest import Manifest, Stage
from training.publish.card_head import head
from training.run import config as configs

_USES = {
    "translate": "`imgedit translate --model {id} --attr WORD photo.jpg`",
    "classify": "`imgedit attributes photo.jpg`",
    "swap": "`imgedit swap --model {id} a.png b.png`",
    "sample": "`imgedit sample {id} -n 100 -o FOLDER`",
    "parse": "Used by `imgedit translate` to limit an edit to the hair or the face.",
    "paint": "Used by `imgedit express`, `swap` and `translate --attr smiling` where a mouth opens.",
    "detect": "`imgedit faces photo.jpg`",
    "rotate": "`imgedit frontalize photo.jpg` uses the bundled `frontal_refiner.fronts` for profiles.",
}

_CLASSES = "`imgedit evaluate drawn RUN` compares pictures by its features; `onnxruntime` alone classifies with it."
"""Use of a classifier whose classes exclude each other."""
_HAIR = (
    "Judges hair colours in `imgedit evaluate faces RUN --hair-judge {id}`, or teaches them in `imgedit "
    "train hair_grid --set teacher={id} --set lambda_teacher=5`, but not both for one run; it also takes "
    "where the hair is."
)
"""Use of a classifier of the hair alone."""

_SLEEVES = {
    "sleeve_painter": "Used by `imgedit sleeves`.",
    "sleeve_classifier": "Measures sleeves in `imgedit evaluate sleeves`.",
}
_ON_BODIES = (
    "Trained on a shop's pictures of models who stand before a white ground: expect it to be worse on other people,",
    "poses, garments and light. Not for passing an edited photo off as a real one.",
)
_ON_FACES = (
    "Trained on photos of celebrities with labels that people guessed from pictures: expect it to be worse on",
    "faces that the data shows seldom, and take its labels for what a picture suggests, not for what a person is.",
    "Not for identifying people, and not for passing an edited photo off as a real one.",
)
_ON_OTHERS = ("Limits: it knows pictures like those of its data set, at this size, and no others.",)


def text(manifest: Manifest, recipe: str = "") -> str:
    """Return the card as Markdown.

    Args:
        manifest: of the model.
        recipe: name of the recipe that trains it anew, or nothing.
    """
    lines = [
        head(manifest),
        f"# {manifest.id}",
        "",
        f"{manifest.title}. Version {manifest.version}, kind `{manifest.kind}`, trained by `imgedit train "
        f"{f'--recipe {recipe}' if recipe else manifest.method}`.",
        "",
        _use(manifest),
        "",
        "| | |",
        "|---|---|",
        f"| crop | {manifest.crop.kind}, {manifest.crop.height} x {manifest.crop.width} px |",
        f"| size | {sum(g.bytes for g in manifest.graphs.values()) / 1e6:.2f} MB in {len(manifest.graphs)} graph(s) |",
        f"| data | {manifest.data_source} |",
        f"| licence | {manifest.licence} |",
        f"| method | {manifest.paper} |",
    ]
    if manifest.words:
        lines += [
            "",
            "Words: "
            + ", ".join(f"`{word}`" for name, entry in manifest.words.items() for word in (name, *entry.also))
            + ".",
        ]
    lines += _stages(manifest)
    figures = list(_figures(manifest.metrics))
    if figures:
        lines += ["", "Measured with `imgedit evaluate`:", "", "| figure | value |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in figures]
    limits = _ON_OTHERS if manifest.crop.kind == "none" else _ON_FACES
    lines += ["", *(_ON_BODIES if manifest.method in _SLEEVES else limits), ""]
    return "\n".join(lines)


def _stages(manifest: Manifest) -> list[str]:
    """Return the table of the training's stages, and what is not exactly so."""
    if not manifest.stages:
        return []
    lines = ["", "Stages of the training; the last made the weights:", ""]
    lines += ["| stage | method, preset | data | begins from | steps | settings in place of the preset's |"]
    lines += ["|---|---|---|---|---|---|"]
    for stage in manifest.stages:
        method = f"{stage.method}, {stage.preset}" if stage.preset else stage.method
        cells = [
            stage.name,
            method,
            stage.data,
            stage.init,
            f"{stage.steps:,}" if stage.steps else "",
            _settings(stage),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    notes = [f"- {stage.name}: {stage.note}" for stage in manifest.stages if stage.note]
    return [*lines, "", *notes] if notes else lines


def _settings(stage: Stage) -> str:
    """Return the settings of a stage that are not those of its preset; all where the preset is not known."""
    try:
        usual = configs.to_json(configs.resolve(stage.method, stage.preset or None))
    except ConfigError:
        usual = {}
    changed = [
        f"{key}={_short(value)}"
        for key, value in stage.config.items()
        if key != "steps" and usual.get(key, ...) != value
    ]
    if stage.precision and stage.precision != "fp32":
        changed.append(stage.precision)
    return ", ".join(changed)


def _short(value: object) -> str:
    return ",".join(_short(v) for v in value) if isinstance(value, list | tuple) else f"{value}"


def _use(manifest: Manifest) -> str:
    if manifest.kind == "classify" and manifest.classes:
        return _CLASSES
    if manifest.method in _SLEEVES:
        return _SLEEVES[manifest.method]
    if manifest.method == "hair_classifier":
        return _HAIR.format(id=manifest.id)
    return _USES.get(manifest.kind, "").format(id=manifest.id)


def _figures(metrics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten nested figures to rows."""
    rows: list[tuple[str, str]] = []
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            rows += _figures(value, f"{prefix}{name}: ")
        else:
            rows.append((prefix + name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value)))
    return rows
