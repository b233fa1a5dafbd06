"""Networks that tell people apart, on aligned frames."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from training_toys import Pictures

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.data.frame import window
from training.evaluate.faces import identity
from training.evaluate.faces.describing import networks
from training.methods.face_recognition import Method
from training.run import checkpoint, loop
from training.run import config as configs


class People(Pictures):
    """Pictures of four people."""

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        return Batch(super().batch(index, rng).image, specified=torch.from_numpy(index % 4))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    config = configs.build(configs.method_module("face_recognition").Config, {**Method.tiny(), "steps": 4})
    quiet = Console(file=io.StringIO())
    data = People(8, config.size)
    loop.train("face_recognition", config, data, tmp_path / "run", sample_every=0, tensorboard=False, console=quiet)
    return tmp_path / "run"


def test_a_run_describes_what_its_training_saw_of_a_frame(run: Path) -> None:
    frames = [np.random.default_rng(i).integers(0, 256, (218, 178, 3), dtype=np.uint8) for i in range(3)]
    with networks(str(run), "cpu") as found:
        (first, describes), (_, other) = found.items()
        assert (first, describes) == (identity.NETWORK, identity.descriptors)
        described = other(frames)
    network = checkpoint.load_method(run).ema.network  # type: ignore[attr-defined]
    crops = np.stack([window(frame, 16, "inner") for frame in frames])
    with torch.no_grad():
        expected = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 127.5 - 1.0)
    np.testing.assert_allclose(described, expected, atol=1e-4)


def test_without_a_name_there_is_dlibs_alone() -> None:
    with networks(None) as found:
        assert list(found) == [identity.NETWORK]


def test_a_model_that_does_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="there to parse"), networks("face_parser.celebamask_hq", "cpu"):
        pass
