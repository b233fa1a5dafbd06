"""Runs of the networks that translate crops, once for each strength among the words.

Strength. Let f(S) be a model's output with the words S set. Words of strengths s1 <= s2 <= ... add up to
`x + s1 (f(all) - x) + (s2 - s1) (f(words of at least s2) - x) + ...`. With one strength this is the plain blend; with
strength 0 a word is as if it had not been said; and the network only sees whole labels, as in its training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.edits.plan import Edit
from imgedit.errors import ModelError
from imgedit.models.manifest import Manifest
from imgedit.pixels import Floats
from imgedit.render.flow import N_PLANES

__all__ = ["Run", "Runs", "levels", "target_vector", "translate_fields", "translate_grids", "translate_image"]

Run = Callable[[Mapping[str, Any]], Mapping[str, NDArray[Any]]]
"""Runs one graph: named inputs to named outputs, as `runtime.Session.run` does."""

Runs = Callable[[str], Run]
"""Gives what runs the graph of a role."""


def target_vector(current: Mapping[str, float] | None, wanted: Mapping[str, float], manifest: Manifest) -> Floats:
    """Build the edit vector of a model.

    Args:
        current: probability of each attribute in the crop; not needed when `wanted` names all of them.
        wanted: attribute -> value.
        manifest: whose attributes and conditioning.

    Returns:
        `(K,)`: the whole wanted vector for `target`, wanted minus current for `difference`, and for `direction` the
        wanted values alone.

    Raises:
        ModelError: the classifier does not know an attribute of the model.
    """
    names = manifest.attributes
    if manifest.conditioning == "direction":
        return np.array([wanted.get(name, 0.0) for name in names], np.float32)
    needed = [n for n in names if manifest.conditioning == "difference" or n not in wanted]
    lacking = [n for n in needed if current is None or n not in current]
    if lacking:
        raise ModelError(f"{manifest.id} needs to know {', '.join(lacking)} of the face, and no classifier tells")
    present = {n: float(round(current[n])) for n in needed} if current else {}
    target = np.array([wanted.get(name, present.get(name, 0.0)) for name in names], np.float32)
    if manifest.conditioning == "difference":
        target -= np.array([present[name] for name in names], np.float32)
    return target


def levels(edits: Sequence[Edit]) -> list[tuple[float, dict[str, float]]]:
    """Split words of different strengths into runs of a model: weight, wanted values; weights add to the highest."""
    runs: list[tuple[float, dict[str, float]]] = []
    below = 0.0
    for strength in sorted({edit.strength for edit in edits if edit.strength > 0}):
        wanted = {name: value for edit in edits if edit.strength >= strength for name, value in edit.values.items()}
        runs.append((strength - below, wanted))
        below = strength
    return runs


def translate_image(
    run: Runs, crop: Floats, edits: Sequence[Edit], current: Mapping[str, float] | None, manifest: Manifest
) -> Floats:
    """Edit a crop with an image model and return the delta.

    Args:
        run: gives the graph of a role.
        crop: `(3, H, W)`, [-1, 1], RGB.
        edits: words of this model, with their strengths.
        current: probability of each attribute in the crop.
        manifest: the model's.

    Returns:
        `(H, W, 3)`, edited minus crop, -2..2.
    """
    delta = np.zeros_like(crop)
    for weight, outputs in _runs(run, {"image": crop[None]}, edits, current, manifest):
        image = next(value for name, value in outputs.items() if name != "mask")[0]
        if image.shape != crop.shape:
            raise ModelError(f"{manifest.id} returned an image of shape {image.shape}, not {crop.shape}")
        delta += np.float32(weight) * (np.clip(image, -1.0, 1.0) - crop)
    return np.ascontiguousarray(delta.transpose(1, 2, 0))


def translate_grids(
    run: Runs, crop: Floats, edits: Sequence[Edit], current: Mapping[str, float] | None, manifest: Manifest
) -> list[tuple[float, Floats]]:
    """Run a colour model for its grids, one for each strength among the words.

    Args:
        run: gives the graph of a role.
        crop: `(3, H, W)`, [-1, 1], RGB.
        edits: words of this model, with their strengths.
        current: probability of each attribute in the crop.
        manifest: the model's.

    Returns:
        Weight and grid, `(12, D, h, w)`: rows of affine transforms of colours in [-1, 1], channel 4 c + i.
    """
    grids = []
    for weight, outputs in _runs(run, {"image": crop[None]}, edits, current, manifest):
        grid = outputs["grid"][0] if "grid" in outputs else None
        if grid is None or grid.ndim != 4 or grid.shape[0] != 12:
            raise ModelError(f"{manifest.id} returned no grid of shape (N, 12, D, h, w)")
        grids.append((weight, np.ascontiguousarray(grid, dtype=np.float32)))
    return grids


def translate_fields(
    run: Runs,
    crop: Floats,
    mask: Floats | None,
    edits: Sequence[Edit],
    current: Mapping[str, float] | None,
    manifest: Manifest,
) -> list[tuple[float, Floats]]:
    """Run a flow model for its fields, one for each strength among the words.

    Args:
        run: gives the graph of a role.
        crop: `(3, H, W)`, [-1, 1], RGB.
        mask: `(H, W)`, 0..1, what of the crop may be copied; None for a model that does not ask.
        edits: words of this model, with their strengths.
        current: probability of each attribute in the crop.
        manifest: the model's.

    Returns:
        Amount and fields, `(7, h, w)`, as `imgedit.render.flow.apply_fields` takes them.
    """
    found = []
    feeds = {"image": crop[None]} | ({} if mask is None else {"mask": mask[None, None]})
    for amount, outputs in _runs(run, feeds, edits, current, manifest):
        fields = outputs["fields"][0] if "fields" in outputs else None
        if fields is None or fields.ndim != 3 or fields.shape[0] != N_PLANES:
            raise ModelError(f"{manifest.id} returned no fields of shape (N, {N_PLANES}, h, w)")
        found.append((amount, np.ascontiguousarray(fields, dtype=np.float32)))
    return found


def _runs(
    run: Runs,
    feeds: Mapping[str, Floats],
    edits: Sequence[Edit],
    current: Mapping[str, float] | None,
    manifest: Manifest,
) -> Iterator[tuple[float, Mapping[str, NDArray[Any]]]]:
    """Run a model once for each strength among the words; a face that is so already needs no run."""
    for weight, wanted in levels(edits):
        if manifest.conditioning == "domains":
            yield weight, run(_way(wanted, manifest))(feeds)
            continue
        vector = target_vector(current, wanted, manifest)
        if manifest.conditioning == "target" or vector.any():
            yield weight, run("translate")({**feeds, "edit": vector[None]})


def _way(wanted: Mapping[str, float], manifest: Manifest) -> str:
    """Return the role of a model of two domains that leads to what is wanted.

    `forward` makes a picture of the second domain of one of the first, `backward` the reverse. Of one attribute the
    second domain has it, of two each domain has one.
    """
    asked = wanted.get(manifest.attributes[-1], 0.5) - 0.5
    if len(manifest.attributes) > 1:
        asked -= wanted.get(manifest.attributes[0], 0.5) - 0.5
    return "forward" if asked > 0 else "backward"
