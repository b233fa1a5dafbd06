"""Evaluation of a latent method, on a method whose codes are written in its pictures."""

from __future__ import annotations

import dataclasses
import json
import struct
import sys
import time
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from imgedit.errors import ConfigError, DataError
from imgedit.models import library
from tests.command_line import app
from training.data import DATASETS, mnist
from training.data.batch import Batch
from training.data.grouped import Grouped
from training.evaluate.codes import fewshot, grids, latents, pictures, probe, report
from training.evaluate.codes.latents import Latents
from training.evaluate.layout import Table
from training.evaluate.tables import mnist_latents, sweep
from training.method import METHODS
from training.networks.autoencoder import Code
from training.run import checkpoint
from training.run import config as configs

CLASSES = 4


@dataclass(frozen=True)
class Config:
    size: int = 8
    s_dim: int = 4
    z_dim: int = 4
    holdout: tuple[int, ...] = ()
    batch_size: int = 4
    steps: int = 3
    seed: int = 0
    pause: float = 0.0


class Method:
    """s is written in the first row of a picture, z in the second; the rest is black."""

    id = "written"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.network = nn.Linear(1, 1)
        self.steps = 0

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        return {"size": config.size, "specified": "identity", "holdout": config.holdout, "pairs": True}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        assert next(stream).require_partner() is not None
        time.sleep(self.config.pause)
        self.steps += 1
        return {"loss": torch.tensor(1.0)}

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.steps = state["steps"]

    def samples(self, batch: Batch) -> None:
        return None

    def encode(self, image: Tensor) -> Code:
        z = image[:, 0, 1, : self.config.z_dim]
        return Code(image[:, 0, 0, : self.config.s_dim], z, torch.full_like(z, -8.0))

    def decode(self, s: Tensor, z: Tensor) -> Tensor:
        image = torch.full((len(s), 1, self.config.size, self.config.size), -1.0)
        image[:, 0, 0, : s.shape[1]] = s
        image[:, 0, 1, : z.shape[1]] = z
        return image


def load(
    folder: Path, split: str, *, size: int, specified: str, holdout: Sequence[int] = (), pairs: bool = False
) -> Grouped:
    """Pictures whose first row is their class as one-hot and whose second is noise."""
    rng = np.random.default_rng(len(split))
    digits = np.tile(np.arange(CLASSES), {"train": 100, "valid": 63, "test": 50}[split])
    images = np.zeros((len(digits), size, size, 1), np.uint8)
    images[:, 0, :CLASSES, 0] = 255 * np.eye(CLASSES, dtype=np.uint8)[digits]
    images[:, 1, :4, 0] = rng.integers(0, 256, (len(digits), 4))
    if split == "train":
        kept = ~np.isin(digits, holdout)
        images, digits = images[kept], digits[kept]
    return Grouped(images, digits, [f"c{i}" for i in range(CLASSES)], pairs=pairs)


@pytest.fixture(autouse=True)
def written(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("written_method")
    module.Config, module.Method, module.PRESETS = Config, Method, {"compact": {}}  # type: ignore[attr-defined]
    data = types.ModuleType("written_data")
    data.load = load  # type: ignore[attr-defined]
    monkeypatch.setattr(Method, "__module__", "written_method")
    monkeypatch.setitem(sys.modules, "written_method", module)
    monkeypatch.setitem(sys.modules, "written_data", data)
    monkeypatch.setitem(METHODS, "written", "written_method")
    monkeypatch.setitem(DATASETS, "written", "written_data")
    monkeypatch.setattr(probe, "MIN_EPOCHS", 5)
    monkeypatch.setattr(probe, "MIN_STEPS", 100)


def run(*args: str) -> Result:
    return CliRunner().invoke(app, list(args), env={"COLUMNS": "200"})


def trained(folder: Path, *settings: str) -> str:
    folder.mkdir(exist_ok=True)
    options = [word for setting in settings for word in ("--set", setting)]
    done = run("train", "written", "--data", f"written:{folder}", "--run", str(folder / "run"), *options)
    assert done.exit_code == 0, done.output
    return str(folder / "run")


def digits(n: int, seed: int = 0) -> np.ndarray:
    return pictures.of_each_class(load(Path(), "test", size=8, specified="identity"), n, seed)


def test_every_part_from_the_command_line_and_earlier_figures_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data = trained(tmp_path, "holdout=2,3"), f"written:{tmp_path}"
    first = run("evaluate", "codes", folder, "--data", data, "--probe", "--few-shot", "--json")
    assert first.exit_code == 0, first.output
    figures = json.loads(first.stdout)["metrics"]
    assert figures["probe"]["rows"]["s"]["mlp"]["test_accuracy"] == 1.0
    assert figures["probe"]["rows"]["z sampled"]["mlp"]["test_accuracy"] == pytest.approx(0.5, abs=0.15)
    assert figures["reconstruction"]["mse"] == pytest.approx(0.0, abs=1e-12)
    assert figures["few_shot"]["shots 1"] == {
        "n_classes": 2, "n": 98, "mse": pytest.approx(0.0, abs=1e-12), "accuracy": 1.0, "chance": 0.5
    }  # fmt: skip
    mapped: list[tuple[set[int], list[str]]] = []
    write = report.tsne.write
    monkeypatch.setattr(
        report.tsne,
        "write",
        lambda c, names, *a: mapped.append((set(c.specified.tolist()), names)) or write(c, names, *a),
    )
    then = run("evaluate", "codes", folder, "--data", data, "--tsne", "--swap", "--interpolate", "--sample")
    assert then.exit_code == 0, then.output
    ((classes, names),) = mapped
    assert classes == {0, 1, 2, 3}  # seen and unseen classes in one map
    assert [name.endswith(", unseen") for name in names[:4]] == [False, False, True, True]
    assert "z sampled" in then.stdout
    kept = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert kept["metrics"] == figures
    drawn = {f"evaluation/{p.name}" for p in (tmp_path / "run" / "evaluation").iterdir()}
    assert drawn == set(kept["pictures"])
    assert {"evaluation/tsne.png", "evaluation/swap.png", "evaluation/swap_unseen_s.png", "evaluation/sample.png",
            "evaluation/interpolate_1.png", "evaluation/few_shot.png"} <= drawn  # fmt: skip


def test_a_bundled_model_is_measured_by_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sprites = np.random.default_rng(0).integers(0, 256, (20, 6, 64, 64, 3), dtype=np.uint8)
    facts = {f"pose_{name}": np.arange(6) for name in ("action", "view", "frame")}
    np.savez(tmp_path / "lpc400x66_64.npz", images=sprites, **facts)
    result = run("evaluate", "codes", "cycle_vae.cfp", "--data", f"lpc:{tmp_path}", "--swap", "--factor", "identity")
    assert result.exit_code == 0, result.output
    kept = json.loads((tmp_path / "runs" / "cycle_vae.cfp" / "evaluation.json").read_text(encoding="utf-8"))
    assert (kept["model"], kept["method"], kept["data"]) == ("cycle_vae.cfp", "cycle_vae", "lpc")
    assert kept["steps"] == library.find("cycle_vae.cfp").manifest.stages[-1].steps
    for name in kept["pictures"]:
        assert (tmp_path / "runs" / "cycle_vae.cfp" / name).is_file()
        assert f"runs/cycle_vae.cfp/{name}" in result.stdout
    other = run("evaluate", "codes", "cycle_vae.cfp", "--data", f"lpc:{tmp_path}", "--split", "train")
    assert other.exit_code == 0, other.output
    assert json.loads((tmp_path / "runs" / "cycle_vae.cfp" / "evaluation.json").read_text(encoding="utf-8")) == kept


def test_what_cannot_be_measured_is_said_in_a_sentence(tmp_path: Path) -> None:
    folder, data = trained(tmp_path), f"written:{tmp_path}"
    none_unseen = run("evaluate", "codes", folder, "--data", data, "--few-shot")
    assert none_unseen.exit_code == 1
    assert "training saw every class" in none_unseen.stderr
    nothing = run("evaluate", "codes", str(tmp_path / "nothing"), "--data", data, "--probe")
    assert nothing.exit_code == 2
    assert nothing.stderr.startswith("error: no model ")  # long names lose their end
    not_ours = run("evaluate", "codes", "mtcnn.facenet", "--data", data, "--probe")
    assert "mtcnn.facenet has no latent code" in not_ours.stderr
    no_code = run("evaluate", "codes", "digit_classifier.mnist", "--data", data, "--probe")
    assert "has no latent code" in no_code.stderr
    with pytest.raises(ConfigError, match="no part 'probes'"):
        report.evaluate(folder, data, parts=("probes",))


def test_choices_are_made_on_the_validation_split_whose_figures_stand_apart(tmp_path: Path) -> None:
    folder, data = trained(tmp_path), f"written:{tmp_path}"
    kept, found = tmp_path / "run" / "evaluation.json", {}
    for split in ("test", "valid", "train"):
        done = run("evaluate", "codes", folder, "--data", data, "--split", split, "--json", "-o", str(tmp_path / split))
        assert done.exit_code == 0, done.output
        found[split] = json.loads(done.stdout)
        assert json.loads((tmp_path / split).read_text()) == found[split]
        assert json.loads(kept.read_text()) == found["test"]  # no card may take the others for a measurement
    assert {split: (result["split"], result["n"]) for split, result in found.items()} == {
        "test": ("test", 200), "valid": ("valid", 252), "train": ("train", 400)
    }  # fmt: skip
    rows = {split: result["metrics"]["probe"]["rows"]["s"]["mlp"] for split, result in found.items()}
    # The probe never learns from what it is tested on.
    assert {split: (row["n_train"], row["n_test"]) for split, row in rows.items()} == {
        "test": (400, 200), "valid": (400, 252), "train": (268, 132)
    }  # fmt: skip
    said = {split: result["metrics"]["probe"]["pictures"] for split, result in found.items()}
    assert said == {
        "test": "training split / test split",
        "valid": "training split / validation split",
        "train": "two thirds of pictures of the training split / others of it",
    }
    shown = run("evaluate", "show", str(tmp_path / "valid")).stdout
    assert "252 valid pictures of written" in shown
    assert "validation split, pictures of classes that training saw" in shown


def test_the_validation_pictures_of_mnist_are_what_a_choice_is_measured_on(tmp_path: Path) -> None:
    for stem, n in (("train", mnist.N_VALID + 20), ("t10k", 10)):
        shape = struct.pack(">HBBIII", 0, 8, 3, n, 28, 28)
        grey = (np.arange(n) >= 20) if stem == "train" else np.full(n, 2)  # 1: valid, 2: test
        images = np.repeat(grey.astype(np.uint8), 28 * 28).tobytes()
        (tmp_path / f"{stem}-images-idx3-ubyte").write_bytes(shape + images)
        digits_ = (np.arange(n) % 10).astype(np.uint8).tobytes()
        (tmp_path / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, n) + digits_)
    module = configs.method_module("mathieu")
    method = module.Method(configs.build(module.Config, {**module.Method.tiny(), "size": 28}))
    for split, grey_of in (("train", 0), ("valid", 1), ("test", 2)):
        loaded = pictures.load_pictures(method, f"mnist:{tmp_path}", split=split)
        assert set(np.unique(loaded.test.images)) == {grey_of}
        assert set(np.unique(loaded.train.images)) == {0}


def test_a_split_that_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    folder, data = trained(tmp_path), f"written:{tmp_path}"
    for words, said in (
        (("--split", "validation"), "a code is measured on the split test, valid or train, not 'validation'"),
        (("--split", "valid", "--probe", "--swap"), "--swap shows the test split; leave --split valid out"),
    ):
        done = run("evaluate", "codes", folder, "--data", data, *words)
        assert done.exit_code == 2
        assert said in done.stderr
    np.savez(tmp_path / "fei28.npz", images=np.zeros((180, 14, 28, 28, 3), np.uint8))
    module = configs.method_module("cycle_vae")
    method = module.Method(configs.build(module.Config, {**module.Method.tiny(), "size": 28, "channels": 3}))
    with pytest.raises(DataError, match="splits train and test; got 'valid'"):
        pictures.load_pictures(method, f"fei:{tmp_path}", split="valid")


def test_unseen_classes_are_probed_beside_the_others(tmp_path: Path) -> None:
    folder, data = trained(tmp_path, "holdout=2,3"), f"written:{tmp_path}"
    done = run("evaluate", "codes", folder, "--data", data, "--probe", "--probe-unseen", "--json")
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)["metrics"]
    known, unseen = (f["probe"]["rows"]["s"]["mlp"]["n_test"] for f in (figures, figures["unseen"]))
    assert (known, unseen) == (100, 32)  # 50 pictures of each of two classes, and every third of the two others
    shown = run("evaluate", "show", str(tmp_path / "run" / "evaluation.json"))
    assert "Classes that training never saw:" in shown.stdout
    every = trained(tmp_path / "all")
    none = run("evaluate", "codes", every, "--data", f"written:{tmp_path / 'all'}", "--probe-unseen")
    assert none.exit_code == 1
    assert "--probe-unseen has none to probe" in none.stderr


def test_probe_of_other_people_learns_from_two_thirds_of_their_pictures(tmp_path: Path) -> None:
    folder = trained(tmp_path, "holdout=0,1,2")
    method = checkpoint.load_method(folder)
    loaded = pictures.load_pictures(method, f"written:{tmp_path}")
    assert loaded.unseen is not None
    figures = report.probed(method, pictures.Pictures(loaded.train, loaded.unseen, None, loaded.unseen))
    row = figures["probe"]["rows"]["s"]["mlp"]
    assert (row["n_train"], row["n_test"]) == (102, 48)  # 50 pictures of each of three classes: 34 and 16
    assert row["test_accuracy"] == 1.0


def test_swap_grid_takes_s_from_the_top_and_z_from_the_left() -> None:
    top, left = digits(4, 0), digits(3, 1)
    cells = grids.swap(Method(Config()), top, left)
    assert cells.shape == (4, 5, 8, 8, 3)
    assert (cells[0, 0] == 255).all()
    for i in range(3):
        for j in range(4):
            assert np.array_equal(cells[i + 1, j + 1, 0], np.repeat(top[j, 0], 3, -1))
            assert np.array_equal(cells[i + 1, j + 1, 1], np.repeat(left[i, 1], 3, -1))


def test_interpolation_runs_from_one_picture_to_the_other_and_halves_between() -> None:
    two = digits(2)
    cells = grids.interpolation(Method(Config()), two, steps=3)
    assert np.array_equal(cells[0, 0], grids.rgb(two[0]))
    assert np.array_equal(cells[2, 2], grids.rgb(two[1]))
    assert np.abs(cells[1, 1].astype(float) - grids.rgb(two).astype(float).mean(0)).max() <= 0.5
    assert np.array_equal(cells[0, 2, 0], grids.rgb(two[1])[0])  # s of the second
    assert np.array_equal(cells[0, 2, 1], grids.rgb(two[0])[1])  # z of the first
    assert grids.interpolation(Method(Config(s_dim=0)), two, steps=3).shape[:2] == (1, 3)


def test_samples_have_the_s_of_their_row_and_the_z_of_their_column() -> None:
    given = digits(3)
    cells = grids.samples(Method(Config()), given, columns=5)
    assert cells.shape[:2] == (3, 6)
    for i in range(3):
        assert (cells[i, 1:, 0] == grids.rgb(given)[i, 0]).all()
    assert (cells[1:, 1:, 1] == cells[:1, 1:, 1]).all()
    assert not (cells[0, 1, 1] == cells[0, 2, 1]).all()
    assert grids.samples(Method(Config(s_dim=0)), given, columns=5).shape[:2] == (5, 5)


def test_pictures_of_a_pixelcnn_are_drawn_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pixels(Method):
        draws_pixels = True

        def sample_pixels(self, s: Tensor, z: Tensor, generator: torch.Generator) -> Tensor:
            return torch.rand(len(s), 1, 8, 8, generator=generator)

    two = [grids.swap(Pixels(Config()), digits(2), digits(2)) for _ in range(2)]
    assert np.array_equal(two[0], two[1])
    assert (two[0][1:, 1:] > 126).all()  # uniform in 0..1 of -1..1, where decode leaves black
    monkeypatch.setattr(Pixels, "draws_pixels", False)
    assert (grids.swap(Pixels(Config()), digits(2), digits(2))[1:, 1:, 2:] == 0).all()


def test_given_and_asked_pictures_of_a_few_shot_test_are_different() -> None:
    specified = np.array([5] * 4 + [7] * 6 + [9])
    given, asked = fewshot.split(specified, 3, np.random.default_rng(0))
    assert {c: len(i) for c, i in given.items()} == {5: 3, 7: 3}
    assert sorted([*asked, *np.concatenate(list(given.values()))]) == list(range(10))


def test_few_shot_error_is_the_spread_of_s_round_the_shots_mean() -> None:
    # s of one value: 1 or -1 in turn. One shot is as often right as wrong by 2, that is 1 on the scale 0..1.
    n = 2000
    s = np.where(np.arange(n) % 2, 1.0, -1.0).astype(np.float32)[:, None]
    codes = Latents(s, np.zeros((n, 1), np.float32), None, np.repeat(np.arange(n // 50), 50))
    method = Method(Config(s_dim=1, z_dim=1))
    images = ((method.decode(*(torch.from_numpy(c) for c in (codes.s, codes.z))) + 1) * 127.5).permute(0, 2, 3, 1)
    data = Grouped(images.round().byte().numpy(), codes.specified, [str(i) for i in range(n // 50)])
    rows = fewshot.evaluate(method, data, codes, shots=(1, 25))  # type: ignore[arg-type]
    assert rows["shots 1"]["mse"] * 64 == pytest.approx(0.5, abs=0.02)
    assert rows["shots 25"]["mse"] * 64 == pytest.approx(0.25 * (1 + 1 / 25), abs=0.02)


def test_nearest_centroid() -> None:
    centroids = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]], np.float32)
    points = np.array([[0.6, 0.0], [0.4, 0.1], [0.0, 2.0]], np.float32)
    assert fewshot.nearest(points, centroids).tolist() == [1, 0, 2]


def test_encoding_keeps_the_order_over_batches() -> None:
    data = load(Path(), "train", size=8, specified="identity")
    codes = latents.encode(Method(Config()), data)  # type: ignore[arg-type]
    assert len(data) > latents.BATCH
    assert np.array_equal(codes.s.argmax(1), data.specified)
    assert len(latents.thinned(data, 10, 0)) == 10


def swept(folder: Path, **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"minutes": 0.002, "methods": ("written",), "dims": (4, 8), "seeds": {4: 2}}
    data = f"written:{folder}"
    return sweep.train(folder / "sweep", data, **{**options, **changes}, console=Console(quiet=True))


def test_interrupted_sweep_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, calls = report.evaluate, []

    def stop_at_second(*args: Any, **options: Any) -> dict[str, Any]:
        calls.append(args[0].name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(*args, **options)

    monkeypatch.setattr(report, "evaluate", stop_at_second)
    slow = ["pause=0.01"]
    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path, settings=slow)
    half = json.loads((tmp_path / "sweep" / "sweep.json").read_text())["runs"]
    result = swept(tmp_path, settings=slow)
    assert calls == ["written-4-0", "written-8-0", "written-8-0", "written-4-1"]
    assert result["runs"]["written-4-0"] == half["written-4-0"]
    assert result["runs"]["written-8-0"]["steps"] == half["written-8-0"]["steps"]
    assert result["runs"]["written-8-0"]["metrics"]["z"]["dimensions"] == 8
    (table,) = (block for block in sweep.blocks(result, "this") if isinstance(block, Table))
    assert [row[:3] for row in table.rows] == [["written", "4", "2"], ["written", "8", "1"]]
    assert (tmp_path / "sweep" / "sweep.png").is_file()
    assert sweep.kept(tmp_path / "sweep") == result
    with pytest.raises(ConfigError, match=r"minutes 0\.002, not 1"):
        swept(tmp_path, minutes=1.0, settings=slow)


def test_steps_of_a_sweep_fill_its_budget(tmp_path: Path) -> None:
    steps = sweep.affordable_steps(sweep.swept("written", ["pause=0.05"]), f"written:{tmp_path}", 0.2, "cpu")
    assert 0.2 * 60 / 0.05 * 0.5 < steps <= 0.2 * 60 / 0.05  # a step takes its pause and, on a busy machine, more


def test_sweep_trains_the_rows_of_the_table_at_other_sizes() -> None:
    training = sweep.swept("cycle_vae", ["z_dim=64"])
    config = configs.resolve(training.method, training.preset, training.settings)
    table = configs.resolve("cycle_vae", "independent", [])
    assert config == dataclasses.replace(table, z_dim=64)
    assert set(sweep.METHODS) <= set(mnist_latents.RUNS)
    short = sweep.swept("szabo", ["lambda_adv=7"])
    assert configs.resolve(short.method, short.preset, short.settings[:-1]).lambda_adv == 100  # instead of 450
    assert configs.resolve(short.method, short.preset, short.settings).lambda_adv == 7


def test_sweep_begins_with_one_seed_of_everything() -> None:
    assert sweep.combinations(("a", "b"), (16, 32), {16: 2}) == [
        ("a", 16, 0), ("b", 16, 0), ("a", 32, 0), ("b", 32, 0), ("a", 16, 1), ("b", 16, 1)
    ]  # fmt: skip


def test_people_are_probed_on_pictures_that_training_left_out(tmp_path: Path) -> None:
    images = np.arange(180, dtype=np.uint8)[:, None, None, None, None] + np.zeros((180, 14, 28, 28, 3), np.uint8)
    np.savez(tmp_path / "fei28.npz", images=images)
    module = configs.method_module("cycle_vae")
    method = module.Method(configs.build(module.Config, {**module.Method.tiny(), "size": 28, "channels": 3}))
    loaded = pictures.load_pictures(method, f"fei:{tmp_path}")
    assert loaded.known is loaded.test
    assert loaded.unseen is not None
    assert (len(loaded.train), len(loaded.test), len(loaded.unseen)) == (160 * 12, 160 * 2, 20 * 14)
    # Every picture of a person is of one grey level: the same people, no picture twice.
    assert set(np.unique(loaded.test.images)) == set(np.unique(loaded.train.images)) == set(range(160))
    assert set(np.unique(loaded.unseen.images)) == set(range(160, 180))
