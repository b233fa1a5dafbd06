"""The table of trainings that had few pictures of a digit."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from imgedit.errors import ConfigError
from training.data import mnist
from training.data.grouped import Grouped
from training.evaluate import layout
from training.evaluate.codes.latents import Latents
from training.evaluate.tables import comparison, few_shot
from training.evaluate.tables.comparison import Options, Training
from training.networks.autoencoder import Code
from training.run import config as configs


def write_mnist(folder: Path) -> str:
    """Write a set of MNIST's form, of noise that is as light as its digit; return how it is named."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for stem, n in (("train", mnist.N_VALID + 60), ("t10k", 40)):
        digits = (np.arange(n) % 10).astype(np.uint8)
        images = (rng.integers(0, 20, (n, 28, 28)) + 20 * digits[:, None, None]).astype(np.uint8)
        head = struct.pack(">HBBIII", 0, 8, 3, n, 28, 28)
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, n) + digits.tobytes())
    return f"mnist:{folder}"


@pytest.mark.parametrize(("shots", "left"), [(0, 0), (1, 1), (10, 6)])
def test_training_has_so_many_pictures_of_the_digit_that_is_left_out(tmp_path: Path, shots: int, left: int) -> None:
    write_mnist(tmp_path / "digits")
    for split, wanted in (("train", left), ("valid", 0), ("test", 4)):
        found = mnist.load(tmp_path / "digits", split, holdout=(7,), shots=shots)
        assert int((found.specified == 7).sum()) == wanted, split
        assert len(found) == {"train": 54 + left, "valid": 4500, "test": 40}[split]


def test_runs_are_the_released_training_with_each_digit_and_number_of_pictures() -> None:
    assert len(few_shot.RUNS) == 9
    for digit in (7, 8, 9):
        for shots in (0, 1, 10):
            training = few_shot.RUNS[few_shot.name_of(digit, shots)]
            config = configs.resolve(training.method, training.preset, (*training.settings, "seed=1"))
            assert (config.holdout, config.shots, config.network) == ((digit,), shots, "released")
            assert config.steps == 93_700 * few_shot.EPOCHS // 100
            assert config.data_options().get("shots", 0) == shots
            assert "specified" in config.data_options()


def test_pictures_of_no_class_are_refused() -> None:
    with pytest.raises(ConfigError, match="shots are of the classes in holdout"):
        configs.resolve("cycle_vae", "compact", ["shots=1"])


class Exact:
    """A method whose s is a picture's mean lightness and whose decoder paints s everywhere."""

    id, device = "exact", torch.device("cpu")

    def encode(self, image: torch.Tensor) -> Code:
        s = image.mean((1, 2, 3))[:, None]
        return Code(s, torch.zeros(len(image), 1), None)

    def decode(self, s: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return s[:, :, None, None].expand(-1, -1, 2, 2)


def flat(greys: list[int], digits: list[int]) -> Grouped:
    images = np.array(greys, np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return Grouped(images, np.array(digits, np.int64), mnist.DIGITS)


def test_figures_have_a_closed_form() -> None:
    train = flat([0, 0, 255, 255, 51, 153], [0, 0, 1, 1, 2, 2])  # the mean of class 2 is 102
    own = flat([102, 0, 51], [2, 2, 2])
    codes = Latents(*(x.numpy() for x in (2 * torch.tensor([[102.0], [0.0], [51.0]]) / 255 - 1, torch.zeros(3, 1))),
                    None, own.specified)  # fmt: skip
    found = few_shot.figures(Exact(), train, own, codes, 2)  # type: ignore[arg-type]
    assert found["error"] == pytest.approx(0.0, abs=1e-9)
    # With s of 102: off by 0, 102 and 51 of 255, on four pixels each.
    assert found["error_given_s"] == pytest.approx(4 * (0.0 + 0.4**2 + 0.2**2) / 3, rel=1e-5)
    assert found["nearest"] == pytest.approx(1 / 3)  # 0 is nearest to class 0; 51 lies as near to it, which comes first
    none = few_shot.figures(Exact(), flat([0, 255], [0, 1]), own, codes, 2)  # type: ignore[arg-type]
    assert set(none) == {"error"}


def test_runs_are_trained_measured_drawn_and_printed_again_from_their_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_mnist(tmp_path / "digits")
    tiny = ("width=4", "batch_size=4", "steps=2", "s_dim=3", "z_dim=2")
    runs = {
        few_shot.name_of(7, shots): Training("cycle_vae", "compact", (*tiny, "holdout=7", f"shots={shots}"), None)
        for shots in (0, 1)
    }
    monkeypatch.setattr(few_shot.FewShot, "runs", runs)
    quiet = Console(file=io.StringIO())
    options = Options(device="cpu", command="imgedit evaluate tables few-shot")
    result = comparison.compare("few-shot", tmp_path, data, options, seeds=1, train=True, console=quiet)
    rows = [(row["digit"], row["shots"], row["seeds"], row["n"]) for row in result["rows"]]
    assert rows == [(7, 0, [0], 4), (7, 1, [0], 4)]
    none, one = result["rows"]
    assert none["nearest"] is None
    assert 0 <= one["nearest"]["mean"] <= 1
    assert one["error"]["mean"] > 0
    assert (tmp_path / "cycle_vae-digit7-shots1-0" / "evaluation" / "few_shot.png").stat().st_size > 1000
    again = comparison.compare("few-shot", tmp_path, None, options, seeds=1, console=quiet)
    assert again == result
    text = " ".join(layout.markdown(comparison.blocks(result)).split())
    assert "| 7 | 0 | 1 |" in text
    assert "there is no spread to be known" in text
