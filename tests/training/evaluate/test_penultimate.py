"""What a classifier computes before its last layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from tests import toy_models
from training.evaluate.penultimate import penultimate


def test_the_last_layer_makes_of_it_what_the_classifier_says() -> None:
    judge = library.find("sleeve_judge.sleeve_models")
    images = np.random.default_rng(0).uniform(-1, 1, (3, 3, 96, 96)).astype(np.float32)
    features = penultimate(judge)(images)
    assert features.shape == (3, 64)
    graph = onnx.load(judge.folder / "classify.onnx").graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    (head,) = [node for node in graph.node if node.op_type == "Gemm"]
    logits = features @ weights[head.input[1]].T + weights[head.input[2]]
    said = Sessions("cpu").open(judge, "classify").run({"image": images})["probability"]
    np.testing.assert_allclose(1.0 / (1.0 + np.exp(-logits)), said, atol=1e-4)


def test_a_network_without_a_linear_layer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no linear layer"):
        penultimate(toy_models.parser(tmp_path / "m"), "parse")
