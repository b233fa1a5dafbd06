"""Take the weights of a finished model back into a method: training goes on from it, or it teaches another.

A model holds ONNX graphs, in which the exporter has renamed, reshaped or folded some weights. Which one went where is
found by exporting the same networks once more with numbers that are all different. A batch norm that was folded into
the convolution before it comes back as one that only adds; `standardise` gives it the statistics of pictures, which
training needs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from imgedit.errors import ConfigError
from imgedit.models.library import Model
from training.data.batch import Dataset, Stream
from training.method import METHODS, Method
from training.publish.export import halved, to_onnx
from training.run import checkpoint, former
from training.run.optim import EMA

Weights = NDArray[Any]
Norm = nn.modules.batchnorm._BatchNorm
_BATCHES, _BATCH_SIZE = 8, 64
"""Pictures whose statistics folded batch norms get."""


def state(model: Model, dataset: Dataset) -> dict[str, Any]:
    """Return what a run of the model's method and settings would have as its state, with the model's weights.

    Averaged and last weights are both those of the model; what no graph holds, such as a discriminator, is new.

    Args:
        model: the model.
        dataset: what training goes on with.

    Raises:
        ConfigError: the model was exported from networks of another form, or a weight was folded into others.
    """
    made, has_folded = _restored(model, "cpu")
    averages = _averages(made)
    if has_folded:
        stream = Stream(dataset, _BATCH_SIZE, 0)
        graphs = list(made.graphs().values())
        if len(graphs) != 1 or not graphs[0].inputs.keys() <= {"image", "mask"}:
            raise ConfigError(f"the batch norms of {model.id} are folded into other weights; start from a run instead")
        batches = [next(stream) for _ in range(_BATCHES)]
        inputs = [tuple(getattr(batch, name) for name in graphs[0].inputs) for batch in batches]
        for average in averages.values():
            standardise(average.network, inputs)
    result: dict[str, Any] = made.state_dict()
    for name in averages:
        weights = result[name]["network"]
        for other, part in result.items():
            if isinstance(part, Mapping) and part.keys() == weights.keys():
                result[other] = {key: value.clone() for key, value in weights.items()}
    return result


def method(model: Model, device: torch.device | str = "cpu") -> Method:
    """Return a method of the model's settings whose averaged networks compute what the model's graphs do.

    Raises:
        ConfigError: as `state`, or the model was not trained here.
    """
    return _restored(model, device)[0]


def _restored(model: Model, device: torch.device | str) -> tuple[Method, bool]:
    """Return what `method` does, and whether the model's batch norms are folded."""
    trained = model.manifest.trained
    method_id, config = former.current(model.manifest.method, trained.config if trained is not None else {})
    if method_id not in METHODS or not config:
        raise ConfigError(
            f"{model.id} was made by {model.manifest.method}, which is none of the methods of this project"
        )
    marked_method = checkpoint.new_method(method_id, config)
    averages = _averages(marked_method)
    folded = _has_folded(model, averages)
    seeds = itertools.count()
    marks: dict[str, dict[str, Tensor]] = {}
    for name, average in averages.items():
        still = _neutralise_batch_norms(average.network) if folded else set()
        weights = average.network.state_dict()
        marks[name] = {
            key: _mark(value, next(seeds))
            for key, value in weights.items()
            if value.dtype.is_floating_point and key not in still
        }
        average.network.load_state_dict({**weights, **marks[name]})
    places = list(_places(model, marked_method))
    for name, marked in marks.items():
        network = averages[name].network
        stored = {key: _stored(mark, places, f"{key} of {model.id}") for key, mark in marked.items()}
        network.load_state_dict({**network.state_dict(), **stored})
    made = checkpoint.new_method(method_id, config, device)
    made.load_state_dict(marked_method.state_dict())
    return made, folded


@torch.no_grad()
def standardise(network: nn.Module, inputs: Iterable[tuple[Tensor, ...]]) -> None:
    """Give batch norms the statistics of what reaches them; the network's outputs stay what they are.

    A training step normalises by the statistics of its batch, so a norm that has others computes something else there.

    Args:
        network: in inference mode.
        inputs: what it takes, of one batch after the other, such as pictures `(N, C, H, W)`.
    """
    seen: dict[Norm, list[Tensor]] = {norm: [] for norm in _norms(network).values()}

    def note(norm: Norm, given: tuple[Tensor, ...]) -> None:
        rows = given[0].transpose(0, 1).flatten(1).double()
        seen[norm].append(torch.stack([rows.mean(1), rows.square().mean(1)]))

    hooks = [norm.register_forward_pre_hook(note) for norm in seen]
    for batch in inputs:
        network(*batch)
    for hook in hooks:
        hook.remove()
    for norm, found in seen.items():
        mean, square = torch.stack(found).mean(0)
        variance = (square - mean.square()).clamp_min(0.0)
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()  # type: ignore[operator, union-attr]
        norm.bias.add_(gain * (mean - norm.running_mean))  # type: ignore[operator]
        norm.weight.copy_(gain * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)  # type: ignore[union-attr]
        norm.running_var.copy_(variance)  # type: ignore[union-attr]


def _averages(method: Method) -> dict[str, EMA[nn.Module]]:
    """Return the averaged networks of a method by name; they are what a model's graphs hold."""
    return {name: part for name, part in vars(method).items() if isinstance(part, EMA)}


def _norms(network: nn.Module) -> dict[str, Norm]:
    return {name: module for name, module in network.named_modules() if isinstance(module, Norm)}


def _has_folded(model: Model, averages: Mapping[str, EMA[nn.Module]]) -> bool:
    """Tell whether the networks have batch norms and the model's graphs have none."""
    if not any(_norms(average.network) for average in averages.values()):
        return False
    graphs = [onnx.load_model_from_string(model.read(role)).graph for role in model.manifest.graphs]
    return not any(node.op_type == "BatchNormalization" for graph in graphs for node in graph.node)


def _neutralise_batch_norms(network: nn.Module) -> set[str]:
    """Let every batch norm pass on what it gets, and add its bias; return the names of what else it has."""
    names = set()
    for place, norm in _norms(network).items():
        with torch.no_grad():
            norm.weight.fill_(1.0)
            norm.running_mean.zero_()  # type: ignore[union-attr]
            norm.running_var.fill_(1.0 - norm.eps)  # type: ignore[union-attr]
        names |= {f"{place}.{part}" for part in ("weight", "running_mean", "running_var")}
    return names


def _mark(value: Tensor, seed: int) -> Tensor:
    """Return numbers like no other weight's, each exactly one in half precision."""
    noise = torch.randn(value.shape, generator=torch.Generator().manual_seed(seed))
    return noise.half().to(value.dtype)


def _places(model: Model, marked_method: Method) -> Iterator[tuple[Weights, Weights]]:
    """Yield weights that stand at the same place of a graph: those of the marked method, and of the model."""
    half = model.manifest.export.weights == "float16"
    for role, graph in marked_method.graphs().items():
        marked = _initializers(onnx.load_model_from_string(to_onnx(halved(graph) if half else graph)))
        stored = _initializers(onnx.load_model_from_string(model.read(role)))
        if [v.shape for v in marked] != [v.shape for v in stored]:
            raise ConfigError(
                f"{role} of {model.id} was exported from a network of another form; use the imgedit that made it"
            )
        yield from zip(marked, stored, strict=True)


def _stored(mark: Tensor, places: list[tuple[Weights, Weights]], name: str) -> Tensor:
    """Return the model's weight that stands where the marked method has `mark`."""
    wanted = mark.numpy().astype(np.float16).ravel()
    for marked_weight, stored in places:
        for marked, weight in ((marked_weight, stored), (marked_weight.T, stored.T)):  # a matrix may stand on its side
            # In half precision, as folding a norm that passes everything on may change the last bit of a weight.
            if marked.size == wanted.size and np.array_equal(marked.astype(np.float16).ravel(), wanted):
                return torch.from_numpy(np.array(weight, mark.numpy().dtype).reshape(mark.shape))
    raise ConfigError(f"{name} is folded into another weight; start from a run folder instead")


def _initializers(model: onnx.ModelProto) -> list[Weights]:
    return [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
