"""Small real ONNX models whose answers are known in closed form; nothing here is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from imgedit.models.library import Model, load
from imgedit.models.manifest import Crop, GraphFile, Guard, Manifest, Tint, Word

HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
# Within the tints that edits are held to.
COLOURS = {"Black_Hair": (-0.78, -0.81, -0.82), "Blond_Hair": (0.58, 0.36, 0.06), "Brown_Hair": (-0.2, -0.4, -0.55),
           "Gray_Hair": (0.16, 0.07, 0.01)}  # fmt: skip
TINTS = {"Black_Hair": Tint((-0.1, -1.3), (6.0, 7.1)), "Blond_Hair": Tint((2.6, 12.1), (13.6, 28.3)),
         "Brown_Hair": Tint((4.0, 6.1), (13.4, 17.9)), "Gray_Hair": Tint((1.9, 4.7), (4.4, 8.6))}  # fmt: skip
HAIR_WORDS = {"black-hair": "Black_Hair", "blond": "Blond_Hair", "brown-hair": "Brown_Hair", "grey-hair": "Gray_Hair"}
HAT_STAYS = Guard("Wearing_Hat", 0.5, "below_hairline", "seems to wear a hat")
FACE = ("Eyeglasses", "Smiling")
CLASSES = ("background", "skin", "hair", "cloth")


def save_graph(
    path: Path,
    nodes: Sequence[Any],
    inputs: Mapping[str, Sequence[Any]],
    outputs: Mapping[str, Sequence[Any]],
    constants: Mapping[str, Any],
) -> Path:
    """Check and write one graph; axes given as text are free."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def save_model(folder: Path, **fields: Any) -> Model:
    """Write the manifest beside the graphs `ROLE.onnx` that lie in a folder."""
    graphs = {path.stem: GraphFile.of(path) for path in sorted(folder.glob("*.onnx"))}
    defaults = {"version": "1.0.0", "title": "A test", "method": "test", "licence": "none"}
    Manifest(**{**defaults, "graphs": graphs, **fields}).write(folder)
    return load(folder)


def parser(
    folder: Path, size: int = 64, logits: Sequence[float] | None = None, name: str = "face_parser.test"
) -> Model:
    """Hair wherever the picture is darker than about 30 % grey, else skin; or constant logits of the classes."""
    folder.mkdir(parents=True)
    weight = np.zeros((len(CLASSES), 3, 1, 1), np.float32)
    bias = np.full(len(CLASSES), -20.0, np.float32)
    if logits is None:
        weight[2] = -20.0 / 3
        bias[2] = -8.0
        bias[1] = 0.0
    else:
        bias[:] = logits
    nodes = [
        helper.make_node("Conv", ["image", "weight", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
    ]
    shape = ("N", 3, "H", "W")
    save_graph(
        folder / "parse.onnx",
        nodes,
        {"image": shape},
        {"probability": ("N", len(CLASSES), "H", "W")},
        {"weight": weight, "bias": bias},
    )
    return save_model(folder, id=name, kind="parse", crop=Crop("head", size, size), classes=CLASSES)


def classifier(
    folder: Path, probabilities: Mapping[str, float], size: int = 64, name: str = "attribute_classifier.test"
) -> Model:
    """Constant probabilities, whatever the picture."""
    folder.mkdir(parents=True)
    p = np.array(list(probabilities.values()), np.float64)
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probability"]),
    ]
    save_graph(
        folder / "classify.onnx",
        nodes,
        {"image": ("N", 3, size, size)},
        {"probability": ("N", len(p))},
        {"weight": np.zeros((3, len(p)), np.float32), "bias": np.log(p / (1 - p)).astype(np.float32)},
    )
    return save_model(
        folder,
        id=name,
        kind="classify",
        crop=Crop("face", size, size),
        attributes=tuple(probabilities),
    )


def hair(folder: Path, size: int = 64, depth: int = 4, cells: int = 2) -> Model:
    """A grid that paints one flat colour (`COLOURS`) for a one-hot edit vector, and changes nothing for zeros."""
    folder.mkdir(parents=True)
    identity = np.broadcast_to(np.eye(3, 4)[:, :, None, None, None], (3, 4, depth, cells, cells))
    weight = []
    for name in HAIR:
        flat = np.zeros((3, 4))
        flat[:, 3] = COLOURS[name]
        weight.append((np.broadcast_to(flat[:, :, None, None, None], identity.shape) - identity).ravel())
    nodes = [
        helper.make_node("Gemm", ["edit", "weight", "bias"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["grid"]),
    ]
    save_graph(
        folder / "translate.onnx",
        nodes,
        {"image": ("N", 3, size, size), "edit": ("N", len(HAIR))},
        {"grid": ("N", 12, depth, cells, cells)},
        {
            "weight": np.array(weight, np.float32),
            "bias": identity.ravel().astype(np.float32),
            "shape": np.array([-1, 12, depth, cells, cells], np.int64),
        },
    )
    save_graph(
        folder / "guide.onnx",
        [helper.make_node("Conv", ["image", "weight"], ["guide"])],
        {"image": ("N", 3, "H", "W")},
        {"guide": ("N", 1, "H", "W")},
        {"weight": np.full((1, 3, 1, 1), 1 / 3, np.float32)},
    )
    return save_model(
        folder,
        id="stargan_hair.test",
        kind="translate",
        crop=Crop("face", size, size),
        attributes=HAIR,
        output="grid",
        words={
            word: Word(
                {n: float(n == name) for n in HAIR},
                "hair",
                also=("blonde",) if word == "blond" else (),
                tint=TINTS[name],
                unless=(HAT_STAYS,),
                quality="good",
            )
            for word, name in HAIR_WORDS.items()
        },
        conditioning="target",
    )


def face(
    folder: Path,
    size: int = 64,
    change: Mapping[str, Sequence[float]] | None = None,
    gain: Sequence[float] = (1.0, 1.0, 1.0),
) -> Model:
    """An image model that scales the channels, and adds a flat colour for each attribute that is set, on [-1, 1]."""
    folder.mkdir(parents=True)
    change = change or {"Eyeglasses": (-0.2, -0.2, -0.2), "Smiling": (0.2, 0.0, 0.0)}
    nodes = [
        helper.make_node("Gemm", ["edit", "weight"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["colour"]),
        helper.make_node("Mul", ["image", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "colour"], ["image_out"]),
    ]
    save_graph(
        folder / "translate.onnx",
        nodes,
        {"image": ("N", 3, size, size), "edit": ("N", len(FACE))},
        {"image_out": ("N", 3, size, size)},
        {
            "weight": np.array([change[name] for name in FACE], np.float32),
            "gain": np.array(gain, np.float32).reshape(3, 1, 1),
            "shape": np.array([-1, 3, 1, 1], np.int64),
        },
    )
    return save_model(
        folder,
        id="stargan_face.test",
        kind="translate",
        crop=Crop("face", size, size),
        attributes=FACE,
        output="image",
        words={
            "eyeglasses": Word({"Eyeglasses": 1.0}, "face", also=("glasses",), quality="good"),
            "smiling": Word({"Smiling": 1.0}, "face", quality="good"),
        },
        conditioning="target",
    )


def bangs(folder: Path, size: int = 64, rise: float = 0.2) -> Model:
    """Copies what the mask shows from `rise` of the crop's side above, everywhere, where bangs are asked for."""
    folder.mkdir(parents=True)
    planes = np.zeros((1, 7, size // 2, size // 2), np.float32)
    planes[:, 1], planes[:, 2] = -rise, 1.0
    nodes = [
        helper.make_node("Reshape", ["edit", "shape"], ["asked"]),
        helper.make_node("Mul", ["planes", "asked"], ["fields"]),
        helper.make_node("Identity", ["image"], ["image_seen"]),
        helper.make_node("Identity", ["mask"], ["mask_seen"]),
    ]
    save_graph(
        folder / "translate.onnx",
        nodes,
        {"image": ("N", 3, size, size), "edit": ("N", 1), "mask": ("N", 1, size, size)},
        {
            "fields": ("N", 7, size // 2, size // 2),
            "image_seen": ("N", 3, size, size),
            "mask_seen": ("N", 1, size, size),
        },
        {"planes": planes, "shape": np.array([-1, 1, 1, 1], np.int64)},
    )
    return save_model(
        folder,
        id="stargan_bangs.test",
        kind="translate",
        crop=Crop("face", size, size),
        attributes=("Bangs",),
        output="flow",
        words={
            "bangs": Word(
                {"Bangs": 1.0},
                "face",
                quality="good",
                unless=(
                    Guard("Bald", 0.3, "skip", "seems to be bald, so there is no hair to move"),
                    Guard("Wearing_Hat", 0.5, "skip", "seems to wear a hat, so there is no hair to move"),
                    HAT_STAYS,
                ),
            )
        },
        conditioning="difference",
    )


def generator(
    folder: Path, z_dim: int = 3, size: int = 4, name: str = "gan.test", channels: int = 1, **fields: Any
) -> Model:
    """A picture of one shade, the tanh of `z`'s first entry; its score is twice the mean shade."""
    folder.mkdir(parents=True)
    weight = np.zeros((z_dim, channels * size * size), np.float32)
    weight[0] = 1.0
    save_graph(
        folder / "generate.onnx",
        [
            helper.make_node("MatMul", ["z", "weight"], ["flat"]),
            helper.make_node("Tanh", ["flat"], ["shade"]),
            helper.make_node("Reshape", ["shade", "shape"], ["image"]),
        ],
        {"z": ("N", z_dim)},
        {"image": ("N", channels, size, size)},
        {"weight": weight, "shape": np.array([-1, channels, size, size], np.int64)},
    )
    save_graph(
        folder / "score.onnx",
        [
            helper.make_node("Flatten", ["image"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["column"]),
            helper.make_node("Squeeze", ["column", "axis"], ["logit"]),
        ],
        {"image": ("N", channels, size, size)},
        {"logit": ("N",)},
        {
            "weight": np.full((channels * size * size, 1), 2.0 / (channels * size * size), np.float32),
            "axis": np.array([1], np.int64),
        },
    )
    return save_model(folder, id=name, kind="sample", crop=Crop("none", size, size), **fields)


def sleeves(folder: Path, conditioning: str = "target", output: str = "image") -> Model:
    """A translator of bodies that returns white where short sleeves are asked for, and black where long ones are.

    With `output` `flow`, for `domains` alone, it paints those colours.
    """
    folder.mkdir(parents=True)
    shape = ("N", 3, "H", "W")
    constants: dict[str, Any] = {"none": np.float32(0), "one": np.float32(1), "two": np.float32(2)}
    nodes = [helper.make_node("Mul", ["image", "none"], ["blank"])]
    if conditioning == "domains":
        for role, step in (("forward", "Add"), ("backward", "Sub")):
            wanted = [*nodes, helper.make_node(step, ["blank", "one"], ["image_out"])]
            outputs: dict[str, Any] = {"image_out": shape}
            if output == "flow":  # no flow, no copy, all paint
                constants |= {"end": np.array([1], np.int64), "zero": np.array([0], np.int64), "axis": np.array([1])}
                wanted += [
                    helper.make_node("Slice", ["blank", "zero", "end", "axis"], ["plane"]),
                    helper.make_node("Add", ["plane", "one"], ["paint"]),
                    helper.make_node("Concat", ["blank", "paint", "image_out"], ["fields"], axis=1),
                ]
                outputs = {"fields": ("N", 7, "H", "W")}
            save_graph(folder / f"{role}.onnx", wanted, {"image": shape}, outputs, constants)
    else:
        asked = ["twice", "one"] if conditioning == "target" else ["edit", "none"]
        nodes += [
            helper.make_node("Mul", ["edit", "two"], ["twice"]),
            helper.make_node("Sub", asked, ["level"]),
            helper.make_node("Unsqueeze", ["level", "axes"], ["wide"]),
            helper.make_node("Add", ["blank", "wide"], ["image_out"]),
        ]
        constants = {**constants, "axes": np.array([2, 3], np.int64)}
        inputs = {"image": shape, "edit": ("N", 1)}
        save_graph(folder / "translate.onnx", nodes, inputs, {"image_out": shape}, constants)
    return save_model(
        folder,
        id="sleeves.test",
        kind="translate",
        crop=Crop("torso", 48, 32),
        output=output,
        attributes=("short",),
        conditioning=conditioning,
    )
