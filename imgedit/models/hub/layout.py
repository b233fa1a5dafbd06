"""How a model lies in its repository: the manifest and the card, graphs in `onnx/`, and a `config.json`.

That is where transformers.js looks. (optimum looks there too, but loads only the architectures of transformers.) A
repository with its graphs beside the manifest, as a model folder has them, is read too.
"""

from __future__ import annotations

import json

from imgedit.models.manifest import Manifest

__all__ = ["CARD", "CONFIG", "GRAPHS", "config"]

CARD = "README.md"
CONFIG = "config.json"
GRAPHS = "onnx/"
"""Folder of the graphs."""


def config(model: Manifest) -> str:
    """Return `config.json`, by which other libraries tell what a repository holds.

    `custom` is the type of model of which transformers.js assumes nothing; without the precision it looks for
    `NAME_quantized.onnx` in a browser. Whoever loads the model names a graph, such as `model_file_name: "translate"`.
    """
    facts: dict[str, object] = {
        "model_type": "custom",
        "transformers.js_config": {"dtype": "fp32"},
        "library_name": "imgedit",
        "model_id": model.id,
        "version": model.version,
        "method": model.method,
        "kind": model.kind,
    }
    if model.crop.kind != "none":
        facts["image_size"] = [model.crop.height, model.crop.width]
    return json.dumps(facts, indent=2) + "\n"
