"""Costs of networks: counts that are known, and times that are times."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from imgedit.models.manifest import Crop
from tests import toy_models
from training.evaluate import cost
from training.method import Graph
from training.networks.translators import ResnetGenerator
from training.publish.export import to_onnx


def graph(network: torch.nn.Module, size: int, n_attributes: int) -> Graph:
    inputs = {"image": torch.zeros(1, 3, size, size), "edit": torch.zeros(1, n_attributes)}
    return Graph(network.eval(), inputs, ["image_out"])


def test_the_generator_of_stargan_costs_what_its_authors_table_makes() -> None:
    of_paper = graph(ResnetGenerator(5, 64, 6), 128, 5)
    assert cost.multiply_adds(of_paper) == pytest.approx(9.96e9, rel=0.005)


def test_transposed_convolutions_and_linear_layers_count() -> None:
    layers = torch.nn.Sequential(
        torch.nn.ConvTranspose2d(3, 5, 4, 2, 1), torch.nn.Flatten(), torch.nn.Linear(5 * 16 * 16, 7)
    )
    found = cost.multiply_adds(Graph(layers, {"image": torch.zeros(1, 3, 8, 8)}, ["out"]))
    assert found == 8 * 8 * 3 * 5 * 16 + 5 * 16 * 16 * 7


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
    assert found["ms_torch"] > 0
    assert found["ms_onnx"] > 0


def test_the_least_time_counts() -> None:
    naps = iter([0.0, 0.05, 0.02, *[0.05] * (cost.RUNS - 2)])
    assert 20 <= cost.milliseconds(lambda: time.sleep(next(naps))) < 50
