"""Take the weights of a finished model back into a method, so that training goes on from it (`--init MODEL`).

A model holds ONNX graphs, in which the exporter has renamed, reshaped or folded some weights. Which one went where is
found by exporting the same networks once more with numbers that are all different.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from imgedit.errors import ConfigError
from imgedit.library import Model
from training import checkpoint
from training.export import halved, to_onnx

Weights = NDArray[Any]


def state(model: Model) -> dict[str, Any]:
    """Return what a run of the model's method and settings would have as its state, with the model's weights.

    Averaged and last weights are both those of the model; what no graph holds, such as a discriminator, is new.

    Raises:
        ConfigError: the model was exported from networks of another form, or a weight was folded into others.
    """
    method = checkpoint.new_method(model.manifest.method, model.manifest.training["config"])
    result: dict[str, Any] = method.state_dict()
    averages = [part["network"] for part in result.values() if _is_average(part)]
    seeds = itertools.count()
    for weights in averages:
        for name, value in weights.items():
            if value.dtype.is_floating_point:
                weights[name] = _mark(value, next(seeds))
    method.load_state_dict(result)
    places = list(_places(model, method))
    for weights in averages:
        for name, mark in weights.items():
            if mark.dtype.is_floating_point:
                weights[name] = _stored(mark, places, f"{name} of {model.id}")
        for other, part in result.items():
            if isinstance(part, Mapping) and part.keys() == weights.keys():
                result[other] = {name: value.clone() for name, value in weights.items()}
    return result


def _is_average(part: object) -> bool:
    """Tell whether a part of a state is that of an `EMA`."""
    return isinstance(part, Mapping) and part.keys() == {"network", "updates"}


def _mark(value: Tensor, seed: int) -> Tensor:
    """Return numbers like no other weight's, each exactly one in half precision."""
    noise = torch.randn(value.shape, generator=torch.Generator().manual_seed(seed))
    return noise.half().to(value.dtype)


def _places(model: Model, method: Any) -> Iterator[tuple[Weights, Weights]]:
    """Yield pairs of weights that stand at the same place of a graph: in the marked twin, and in the model."""
    half = model.manifest.training.get("weights") == "float16"
    for role, graph in method.graphs().items():
        twin = _initializers(onnx.load_model_from_string(to_onnx(halved(graph) if half else graph)))
        stored = _initializers(onnx.load(model.graph(role)))
        if [v.shape for v in twin] != [v.shape for v in stored]:
            raise ConfigError(
                f"{role} of {model.id} was exported from a network of another form; use the imgedit that made it"
            )
        yield from zip(twin, stored, strict=True)


def _stored(mark: Tensor, places: list[tuple[Weights, Weights]], name: str) -> Tensor:
    """Return the model's weight that stands where the twin has `mark`."""
    wanted = mark.numpy().ravel()
    for twin, stored in places:
        for marked, weight in ((twin, stored), (twin.T, stored.T)):  # a matrix may stand on its side
            if marked.size == wanted.size and np.array_equal(marked.astype(np.float32).ravel(), wanted):
                return torch.from_numpy(np.array(weight, mark.numpy().dtype).reshape(mark.shape))
    raise ConfigError(f"{name} is folded into another weight, as batch norms are; start from a run folder instead")


def _initializers(model: onnx.ModelProto) -> list[Weights]:
    return [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
