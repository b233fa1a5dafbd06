"""Costs of networks: counts that are known, and times that are times."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from imgedit.models.manifest import Crop
from imgedit.speed import macs
from tests import toy_models
from training.evaluate import cost
from training.method import Graph
from training.networks.translators import ResnetGenerator
from training.publish.export import to_onnx


def test_the_generator_of_stargan_costs_what_its_authors_table_makes() -> None:
    inputs = {"image": torch.zeros(1, 3, 128, 128), "edit": torch.zeros(1, 5)}
    content = to_onnx(Graph(ResnetGenerator(5, 64, 6).eval(), inputs, ["image_out"]))
    feeds = {name: tensor.numpy() for name, tensor in inputs.items()}
    assert macs(content, feeds) == pytest.approx(9.96e9, rel=0.005)


def test_both_generators_of_a_model_count(tmp_path: Path) -> None:
    network = ResnetGenerator(0, 4, 1).eval()
    inputs = {"image": torch.zeros(1, 3, 32, 32)}
    graphs = {role: Graph(network, inputs, ["image_out"]) for role in ("forward", "backward")}
    for role, one in graphs.items():
        (tmp_path / f"{role}.onnx").write_bytes(to_onnx(one))
    fields = {"id": "two.test", "kind": "translate", "crop": Crop("torso", 32, 32), "output": "image"}
    model = toy_models.save_model(tmp_path, **fields, attributes=("short",), conditioning="domains")
    found = cost.of_run(model, graphs, ["forward", "backward"])
    assert found["parameters"] == 2 * sum(parameter.numel() for parameter in network.parameters())
    assert 0 < found["gmac"] < 0.1
    assert found["ms_torch"] > 0
    assert found["ms_onnx"] > 0


def test_the_least_time_counts() -> None:
    naps = iter([0.0, 0.05, 0.02, *[0.05] * (cost.RUNS - 2)])
    assert 20 <= cost.milliseconds(lambda: time.sleep(next(naps))) < 50
