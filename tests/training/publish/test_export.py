"""Checkpoint to model folder."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn
from training_toys import Config, Method, Pictures

from imgedit.errors import ConfigError, ModelError, OutputError, TrainingError
from imgedit.models import library
from imgedit.models.manifest import verify
from imgedit.models.runtime import Session
from training.method import Graph
from training.publish import export, stages
from training.publish.words import words_of
from training.run import loop

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def run(tmp_path: Path, toy: None) -> Path:
    folder = tmp_path / "run"
    loop.train(
        "toy", Config(), Pictures(10, 8), folder, sample_every=0, tensorboard=False,
        about={"data": "celeba:/somewhere"}, console=Console(file=io.StringIO()),
    )  # fmt: skip
    return folder


def test_model_folder_is_whole_verified_and_found_by_path(run: Path, tmp_path: Path) -> None:
    manifest = export.export(run, tmp_path / "model")
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["README.md", "guide.onnx", "manifest.json"]
    assert verify(tmp_path / "model") == manifest
    assert library.find(tmp_path / "model").id == "toy.celeba"
    assert [stage.steps for stage in manifest.stages] == [12]
    assert manifest.stages[0].config["lr"] == 0.01
    card = (tmp_path / "model" / "README.md").read_text()
    for text in ("# toy.celeba", "CC0-1.0", "random numbers", "`blond`"):
        assert text in card
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_graph_computes_what_torch_does_at_any_batch_size_and_free_size(run: Path, tmp_path: Path) -> None:
    export.export(run, tmp_path / "model")
    session = Session(tmp_path / "model" / "guide.onnx", device="cpu")
    from training.run.checkpoint import load_method

    network = load_method(run).network.eval()
    for shape in ((1, 3, 8, 8), (5, 3, 8, 8), (2, 3, 9, 17)):
        image = torch.randn(shape)
        with torch.no_grad():
            expected = network(image).numpy()
        np.testing.assert_allclose(session.run({"image": image.numpy()})["guide"], expected, atol=1e-5, rtol=0)


def test_golden_pair_can_be_computed_again(run: Path, tmp_path: Path) -> None:
    manifest = export.export(run, tmp_path / "model")
    golden = manifest.golden
    assert golden is not None
    image = np.random.default_rng(golden["seed"]).uniform(-1, 1, (1, 3, 8, 8)).astype(np.float32)
    assert hashlib.sha256(image.tobytes()).hexdigest() == golden["input_sha256"]
    output = Session(tmp_path / "model" / "guide.onnx", device="cpu").run({"image": image})["guide"]
    rounded = np.round(output, golden["decimals"]) + np.float32(0)
    assert hashlib.sha256(rounded.tobytes()).hexdigest() == golden["output_sha256"]
    assert golden["mean"] == pytest.approx(output.mean(dtype=np.float64), abs=1e-6)


class Drifting(nn.Module):
    """Adds a constant only while it is exported, as a wrong exporter would."""

    def __init__(self, drift: float) -> None:
        super().__init__()
        self.drift = drift

    def forward(self, image: Tensor) -> Tensor:
        return image + self.drift if torch.onnx.is_in_onnx_export() else image * 1.0


@pytest.mark.parametrize(
    ("drift", "says"),
    [(2e-4, r"out differs by .* at batch size 1; 0\.0001"), (0.5e-4, ""), (float("nan"), "not finite")],
)
def test_export_is_refused_beyond_the_tolerance(drift: float, says: str) -> None:
    graph = Graph(Drifting(drift), {"image": torch.zeros(1, 3, 4, 4)}, ["out"])
    content = export.to_onnx(graph)
    if says:
        with pytest.raises(ModelError, match=f"export refused: guide: .*{says}"):
            export.compare("guide", graph, content)
    else:
        assert export.compare("guide", graph, content) == pytest.approx(drift, abs=1e-5)


def test_half_precision_takes_half_the_room_and_rounds_the_weights() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(20, 100), nn.ReLU(), nn.BatchNorm1d(100), nn.Linear(100, 50)).eval()
    graph = Graph(network, {"z": torch.zeros(1, 20)}, ["out"])
    half = export.halved(graph)
    content, small = export.to_onnx(graph), export.to_onnx(half)
    assert len(small) < 0.7 * len(content)
    assert export.compare("generate", half, small) <= export.TOLERANCE
    z = torch.randn(5, 20)
    exact, rounded = (Session(c, device="cpu").run({"z": z.numpy()})["out"] for c in (content, small))
    assert not np.array_equal(exact, rounded)
    np.testing.assert_allclose(exact, rounded, atol=5e-3)
    assert network[0].weight.dtype == torch.float32  # the graph that was given stays as it is


def test_a_half_precision_model_says_so(run: Path, tmp_path: Path) -> None:
    assert export.export(run, tmp_path / "model", half=True).export.weights == "float16"
    assert export.export(run, tmp_path / "whole").export.weights == "float32"


def test_words_that_are_not_good_enough_stay_out_and_other_spellings_stay_in(run: Path, tmp_path: Path) -> None:
    words = words_of(("Bangs", "Smiling", "Eyeglasses"))
    kept = export.only_words({"words": words}, ["smile", "eyeglasses"])
    assert kept["words"] == {word: words[word] for word in ("smiling", "eyeglasses")}
    assert kept["words"]["eyeglasses"].also == ("glasses",)
    with pytest.raises(ConfigError, match="the model has no word 'smiling'; it has: blond"):
        export.export(run, tmp_path / "model", words=["smiling"])
    assert sorted(export.export(run, tmp_path / "model", words=["blond"]).words) == ["blond"]


def test_figures_of_words_that_stay_out_stay_out_too(run: Path, tmp_path: Path) -> None:
    rows = {"Blond_Hair": {"accuracy": 0.9, "kept": 0.8}, "Bangs": {"accuracy": 0.1, "kept": 0.2}}
    groups = {"Blond_Hair, young men": 0.7, "Bangs, young men": 0.2}
    metrics = {"mean": {"accuracy": 0.5, "kept": 0.5}, "edits": rows, "accuracy_by_group": groups, "n_by_group": {}}
    (run / "evaluation.json").write_text(json.dumps({"n": 3, "metrics": metrics}))
    told = export.export(run, tmp_path / "model", words=["blond"]).metrics
    assert told["edits"] == {"Blond_Hair": rows["Blond_Hair"]}
    assert told["mean"] == rows["Blond_Hair"]
    assert told["accuracy_by_group"] == {"Blond_Hair, young men": 0.7}
    assert told["n"] == 3
    assert export.export(run, tmp_path / "whole").metrics["edits"] == rows


def test_a_refused_export_leaves_nothing(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drifting = Graph(Drifting(1.0), {"image": torch.zeros(1, 3, 4, 4)}, ["out"])
    monkeypatch.setattr(Method, "graphs", lambda self: {"guide": drifting})
    with pytest.raises(ModelError, match="export refused"):
        export.export(run, tmp_path / "model")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_existing_folder_is_replaced_only_when_asked(run: Path, tmp_path: Path) -> None:
    export.export(run, tmp_path / "model")
    with pytest.raises(OutputError, match="exists; add --overwrite"):
        export.export(run, tmp_path / "model", version="2")
    assert export.export(run, tmp_path / "model", version="2", overwrite=True).version == "2"
    assert library.load(tmp_path / "model").manifest.version == "2"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "run"]


def test_a_missing_run_is_clear(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="has no checkpoint"):
        export.export(tmp_path, tmp_path / "model")


def test_measured_figures_go_into_manifest_and_card(run: Path, tmp_path: Path) -> None:
    metrics: dict[str, Any] = {"mean_accuracy": 0.91234, "accuracy": {"Blond_Hair": 0.9}}
    (run / "evaluation.json").write_text(json.dumps({"metrics": metrics}))
    assert export.export(run, tmp_path / "model").metrics == metrics
    assert "| mean accuracy | 0.9123 |" in (tmp_path / "model" / "README.md").read_text()


def test_manifest_holds_no_folder_of_this_machine(run: Path, tmp_path: Path) -> None:
    stored = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**stored, "uses": {"teacher": "teacher"}, "started_from": str(run)}))
    state = {"a": str(tmp_path / "runs" / "teacher"), "size": 64, "mask_model": "face_parser.celebamask_hq"}
    assert {k: stages.last_part(v) for k, v in state.items()} == {**state, "a": "teacher"}
    export.export(run, tmp_path / "model")
    assert str(tmp_path) not in (tmp_path / "model" / "manifest.json").read_text()
