"""Checkpoint -> model folder; refused unless ONNX Runtime computes what torch does.

The graphs come from torch's TorchScript exporter (`dynamo=False`): it leaves free axes free whatever the example's
size, in a twentieth of the time of the newer one. The comparison with torch guards whichever exporter is used.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import io
import itertools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx  # torch's exporter needs it too
import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval, parametrize

from imgedit.errors import ConfigError, ModelError
from imgedit.models import library, runtime
from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage, Word
from training.method import Graph
from training.publish import card, credit, place, stages
from training.publish.figures import EVALUATION as EVALUATION
from training.publish.figures import measured, only_asked
from training.publish.operators import rewritten
from training.run import checkpoint

TOLERANCE = 1e-4
"""Largest absolute difference between torch and ONNX Runtime that a model may have."""
BATCH_SIZES = (1, 3)
OPSET = 18
_LARGE = 256  # numbers of a weight that is worth storing in half precision
GOLDEN_SEED = 20_260_101
GOLDEN_DECIMALS = 2
DENSITY_RATIO = "density_ratio.onnx"
"""In a GAN's run folder: the graph `score` of the exported model, once the run has been measured."""


def export(
    run: Path,
    out: Path,
    *,
    model_id: str | None = None,
    version: str = "1.0.0",
    overwrite: bool = False,
    half: bool = False,
    words: Sequence[str] = (),
) -> Manifest:
    """Write the model folder `out` from the newest checkpoint of `run` (averaged weights).

    Figures that `imgedit evaluate` left in the run folder go into the manifest, unless the run went on since; and
    with them the density-ratio classifier of a GAN's rejection sampling, in place of its discriminator.

    Args:
        run: a run folder.
        out: the model folder to make, with its parents.
        model_id: `method.dataset`; None takes the method and the data set of the run.
        version: of the model.
        overwrite: replace `out`, where it is a model folder and holds nothing else.
        half: store weights in half precision (`halved`): half the size. The figures stay those of the run, whose
            weights are not rounded.
        words: of a translate model, those that users may type, with their other spellings; none: all that it has.

    Raises:
        ConfigError: the model has no such word.
        OutputError: `out` exists and is not replaced, or cannot be written (`training.publish.place`).
        ModelError: torch and ONNX Runtime differ by more than `TOLERANCE`, or `score` is not what was measured.
        TrainingError: the run has no whole checkpoint.
    """
    run, out = Path(run), Path(out)
    place.check(out, overwrite)
    method = checkpoint.load_method(run)
    metrics = measured(run, int(method.steps))
    density_ratio = _density_ratio(run, metrics)
    fields = credit.fields_of(run, method)
    method_id = str(method.id)
    if words:
        fields |= only_words(fields, words)
        metrics = only_asked(metrics, fields["words"])
    with place.placed(out, overwrite) as temporary:
        graphs, differences, contents = {}, {}, {}
        for role, graph in method.graphs().items():
            if role == "score" and density_ratio is not None:
                content, differences[role] = density_ratio
            else:
                graph = halved(graph) if half else graph
                content = to_onnx(graph)
                differences[role] = compare(role, graph, content)
            path = temporary / f"{role}.onnx"
            path.write_bytes(content)
            graphs[role], contents[role] = GraphFile.of(path), content
        crop = Crop(**fields.pop("crop"))
        fields["parts"] = {role: library.find(name).id for role, name in fields.get("parts", {}).items()}
        fields["attributes"] = tuple(fields.get("attributes", ()))
        fields["classes"] = tuple(fields.get("classes", ()))
        manifest = Manifest(
            **{
                "id": model_id or f"{method_id}.{credit.dataset_of(run)}",
                "version": version,
                "method": method_id,
                "graphs": graphs,
                "crop": crop,
                "stages": tuple(Stage(**stage) for stage in stages.of(run)),
                "export": Export("float16" if half else "float32", str(torch.__version__), differences),
                "metrics": metrics,
                "golden": golden(next(iter(contents)), next(iter(contents.values())), crop),
                **fields,
            }
        )
        manifest.write(temporary)
        (temporary / place.CARD).write_text(card.text(manifest), encoding="utf-8")
    return manifest


def to_onnx(graph: Graph) -> bytes:
    """Return a graph as ONNX; axis 0 of every input and output is free, and those in `graph.dynamic`."""
    axes = {name: {0: "n", **graph.dynamic.get(name, {})} for name in [*graph.inputs, *graph.outputs]}
    buffer = io.BytesIO()
    # Two pictures as the example: at one, an exporter may take the batch axis for a constant.
    example = tuple(_repeat(t, 2) for t in graph.inputs.values())
    with warnings.catch_warnings(), torch.no_grad():
        # Its deprecation, and tracer warnings on shape checks inside torch itself: `compare` is the judge.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module.eval(),
            example,
            buffer,  # type: ignore[arg-type]  # only this exporter takes a buffer
            input_names=list(graph.inputs),
            output_names=graph.outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            do_constant_folding=not graph.half,  # it would widen the stored weights
            dynamo=False,
        )
    content = buffer.getvalue()
    model = onnx.load_model_from_string(content)
    quick = rewritten(model)
    return content if quick is model else bytes(quick.SerializeToString())


def halved(graph: Graph) -> Graph:
    """Return a graph whose large weights are rounded to half precision, stored so and widened when they are used.

    Batch norms are folded into the convolutions before them first, as the exporter does with weights that it sees.
    """
    network = copy.deepcopy(graph.module).eval()
    for layers in [m for m in network.modules() if isinstance(m, nn.Sequential)]:
        for i, (layer, norm) in enumerate(itertools.pairwise(layers)):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layers[i], layers[i + 1] = fuse_conv_bn_eval(layer, norm), nn.Identity()
    for layer in list(network.modules()):
        for name, weight in list(layer.named_parameters(recurse=False)):
            if weight.numel() >= _LARGE:
                setattr(layer, name, nn.Parameter(weight.detach().half(), requires_grad=False))
                parametrize.register_parametrization(layer, name, _Widen(), unsafe=True)
    return dataclasses.replace(graph, module=network, half=True)


class _Widen(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight.float()


def compare(role: str, graph: Graph, content: bytes) -> float:
    """Return the largest absolute difference of torch and ONNX Runtime over `BATCH_SIZES` and, where free, two sizes.

    Raises:
        ModelError: it is above `TOLERANCE`, or an output's shape differs.
    """
    session = runtime.Session(content, device="cpu")
    rng = np.random.default_rng(0)
    worst = 0.0
    for n in BATCH_SIZES:
        for grow in (0, 16) if any(graph.dynamic.get(name) for name in graph.inputs) else (0,):
            feeds = {
                name: rng.uniform(-1.0, 1.0, _shape(tensor, n, graph.dynamic.get(name, {}), grow)).astype(np.float32)
                for name, tensor in graph.inputs.items()
            }
            with torch.no_grad():
                result = graph.module.eval()(*(torch.from_numpy(feed) for feed in feeds.values()))
            try:
                found = session.run(feeds)
            except ModelError as error:  # numbers that are not finite, among others
                raise ModelError(f"export refused: {role}: {error}") from error
            for name, expected in zip(graph.outputs, _outputs(result), strict=True):
                if tuple(expected.shape) != found[name].shape:
                    raise ModelError(
                        f"export refused: {role}: {name} has shape {found[name].shape} in ONNX Runtime, "
                        f"{tuple(expected.shape)} in torch"
                    )
                difference = float(np.abs(expected.numpy() - found[name]).max())
                if not difference <= TOLERANCE:  # also when it is not a number
                    raise ModelError(
                        f"export refused: {role}: {name} differs by {difference:.2g} between torch and ONNX Runtime at "
                        f"batch size {n}; {TOLERANCE:g} is allowed"
                    )
                worst = max(worst, difference)
    return worst


def golden(role: str, content: bytes, crop: Crop) -> dict[str, Any]:
    """Return one input and output of a graph by hash, as `Manifest.golden` wants it.

    The hash of the rounded output holds for one build of ONNX Runtime on one kind of CPU; `mean` and `std` hold
    everywhere, within a tolerance.
    """
    session = runtime.Session(content, device="cpu")
    feeds = golden_feeds(session.inputs, crop)
    output = session.run(feeds)[session.outputs[0]]
    rounded = np.round(output.astype(np.float32), GOLDEN_DECIMALS) + np.float32(0.0)  # + 0.0 turns -0.0 into 0.0
    joined = b"".join(np.ascontiguousarray(feed).tobytes() for feed in feeds.values())
    return {
        "role": role,
        "seed": GOLDEN_SEED,
        "input_sha256": hashlib.sha256(joined).hexdigest(),
        "output_sha256": hashlib.sha256(rounded.tobytes()).hexdigest(),
        "decimals": GOLDEN_DECIMALS,
        "mean": float(output.astype(np.float64).mean()),
        "std": float(output.astype(np.float64).std()),
    }


def golden_feeds(
    inputs: Mapping[str, tuple[int | None, ...]], crop: Crop, seed: int = GOLDEN_SEED
) -> dict[str, np.ndarray]:
    """Return the golden inputs: `default_rng(seed)` uniform in [-1, 1] for pictures, ones for everything else."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for name, shape in inputs.items():
        if len(shape) == 4:
            feeds[name] = rng.uniform(-1.0, 1.0, (1, shape[1] or 3, crop.height, crop.width)).astype(np.float32)
        else:
            feeds[name] = np.ones((1, *(size or 1 for size in shape[1:])), np.float32)
    return feeds


def _outputs(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (result,) if isinstance(result, Tensor) else tuple(result)


def _repeat(tensor: Tensor, n: int) -> Tensor:
    return tensor[:1].expand(n, *tensor.shape[1:]).contiguous()


def _shape(tensor: Tensor, n: int, free: Mapping[int, str], grow: int) -> tuple[int, ...]:
    return (n, *(size + grow * (axis in free) for axis, size in enumerate(tensor.shape[1:], start=1)))


def only_words(fields: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """Return `title` and `words` of a manifest for some words, given by any of their spellings.

    Raises:
        ConfigError: there is no such word.
    """
    known: dict[str, Word] = fields.get("words", {})
    names = {spelling: name for name, word in known.items() for spelling in (name, *word.also)}
    if unknown := [word for word in words if word not in names]:
        raise ConfigError(f"the model has no word {unknown[0]!r}; it has: {', '.join(known) or 'none'}")
    meant = {names[word] for word in words}
    kept = {name: word for name, word in known.items() if name in meant}
    return {"title": "Words: " + ", ".join(dict.fromkeys(words)), "words": kept}


def _density_ratio(run: Path, metrics: Mapping[str, Any]) -> tuple[bytes, float] | None:
    """Return the graph of the classifier that the figures name, and how far it is from torch; None without."""
    about = metrics.get("rejection", {}).get("density_ratio_classifier")
    if about is None:
        return None
    path = run / DENSITY_RATIO
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != about["sha256"]:
        raise ModelError(f"{path} is not what {EVALUATION} names; run `imgedit evaluate drawn {run}` again")
    return content, float(about["onnx_max_difference"])
