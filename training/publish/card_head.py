"""The YAML head of a model card: what the model hub shows and searches by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from imgedit.models.manifest import Manifest
from training.data import DATASETS

LIBRARY = "imgedit"
_TASKS = {
    "translate": "image-to-image",
    "swap": "image-to-image",
    "frontalize": "image-to-image",
    "rotate": "image-to-image",
    "paint": "image-to-image",
    "sample": "unconditional-image-generation",
    "parse": "image-segmentation",
    "matte": "image-segmentation",
    "classify": "image-classification",
    "detect": "object-detection",
    "mesh": "keypoint-detection",
    "body": "keypoint-detection",
}
"""Kind of a model -> the hub's name of what it does."""
_FIGURES = (
    *("mean.accuracy", "mean.kept", "mean.identity_distance", "edits.*.accuracy"),
    *("mean_accuracy", "accuracy", "mean_iou", "pixel_accuracy", "iou.*"),
    *("probe.rows.*.mlp.test_accuracy", "variants.averaged.*", "averaged.*"),
)
"""The figures that the head holds, `*` for any name; the table below it holds all."""
_OPEN_LICENCES = ("mit", "apache-2.0", "cc0-1.0", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0")


def head(manifest: Manifest) -> str:
    """Return the head, with the lines of dashes round it."""
    sets = sorted(_sets(manifest) & set(DATASETS))
    data = ModelCardData(
        **terms(manifest.licence, manifest.commercial_use),
        library_name=LIBRARY,
        pipeline_tag=_TASKS.get(manifest.kind),
        tags=["onnx", manifest.kind, manifest.method, *manifest.words],
        datasets=sets or None,
        model_name=manifest.id,
        eval_results=list(_results(manifest, sets[-1] if sets else "own")) or None,
    )
    return f"---\n{data.to_yaml()}\n---\n"


def terms(licence: str, commercial_use: bool) -> dict[str, Any]:
    """Return `license` and `license_name` of a head."""
    name = licence.partition(" ")[0].lower()
    if name in _OPEN_LICENCES:
        return {"license": name, "license_name": None}
    return {"license": "other", "license_name": "no-restriction" if commercial_use else "non-commercial-research"}


def _sets(manifest: Manifest) -> set[str]:
    """Return the data sets of all stages, and what else their settings name."""
    named = {value for stage in manifest.stages for value in stage.config.values() if isinstance(value, str)}
    return named | {stage.data for stage in manifest.stages}


def _results(manifest: Manifest, data: str) -> Iterator[EvalResult]:
    """Yield the figures of `_FIGURES`, those of one metric one after the other."""
    measured_on = manifest.stages[-1].data if manifest.stages and manifest.stages[-1].data else data
    for name, value in _numbers(manifest.metrics):
        if any(re.fullmatch(re.escape(pattern).replace(r"\*", "[^.]+"), name) for pattern in _FIGURES):
            yield EvalResult(
                task_type=_TASKS.get(manifest.kind, "other"),
                dataset_type=measured_on,
                dataset_name=measured_on,
                dataset_split=str(manifest.metrics.get("split", "test")),
                metric_type=name.rpartition(".")[2],
                metric_name=name.replace(".", ": ").replace("_", " "),
                metric_value=round(value, 4),
            )


def _numbers(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)
