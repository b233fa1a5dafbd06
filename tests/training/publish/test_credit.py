"""A model's sources and terms: of its own data, and of the weights that its training began from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import ModelError
from imgedit.models import library
from training import train as start
from training.publish import credit
from training.publish.export import export
from training.run import checkpoint

FACES = {"data_source": "Faces, A 2020", "licence": "weights: research"}


@pytest.mark.parametrize(
    ("first", "source"),
    [
        ({}, "Faces, A 2020"),
        (FACES, "Faces, A 2020"),
        ({"data_source": "Faces, A 2020, and more, B 2021", "licence": "weights: research"},
         "Faces, A 2020, and more, B 2021"),
        ({"data_source": "Digits, C 1998", "licence": "weights: free"},
         "Faces, A 2020; begun from weights with: Digits, C 1998"),
    ],
)  # fmt: skip
def test_sources_are_named_once_and_none_is_lost(first: dict[str, str], source: str) -> None:
    assert credit.joined(FACES, first)["data_source"] == source


def test_terms_of_the_first_weights_are_not_lost() -> None:
    own = {"data_source": "Digits, C 1998", "licence": "weights: free"}
    assert credit.joined(own, FACES)["licence"] == "weights: free; begun from weights with: weights: research"


def test_a_model_credits_what_its_manifest_does() -> None:
    manifest = library.find("face_parser.celebamask_hq").manifest
    assert credit.of(manifest.id) == {"data_source": manifest.data_source, "licence": manifest.licence}
    with pytest.raises(ModelError):
        credit.of("no_such.model")


def test_credits_travel_from_run_to_run_into_the_manifest(tmp_path: Path) -> None:
    np.savez(tmp_path / "fei28.npz", images=np.zeros((200, 14, 28, 28, 3), np.uint8))
    data = f"fei:{tmp_path}"
    settings = ["channels=3", "size=28", "batch_size=4"]
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))

    def train(run: Path, steps: int, init: Path | None = None, resume: bool = False) -> None:
        start.begin("cycle_vae", data=data, settings=[] if resume else settings, run=run, steps=steps, resume=resume,
                    device="cpu", sample_every=0, init=None if init is None else str(init))  # fmt: skip

    train(first, 1)
    assert credit.BEGAN_FROM not in checkpoint.stored_config(first)
    config = first / checkpoint.CONFIG
    config.write_text(config.read_text().replace('"fei:', '"mnist:'))
    train(second, 1, init=first)
    train(second, 2, resume=True)
    train(third, 1, init=second)
    manifest = export(third, tmp_path / "model")
    assert manifest.data_source == "FEI, Thomaz and Giraldi 2010; begun from weights with: MNIST, LeCun et al. 1998"
    assert "MNIST carries no restriction" in manifest.licence
    assert "terms of FEI" in manifest.licence
