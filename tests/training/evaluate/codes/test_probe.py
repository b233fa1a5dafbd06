"""The probe and the figures of a code, on codes whose answers are known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from imgedit.errors import DataError
from training.evaluate.codes import latents, probe
from training.evaluate.codes.latents import Latents


def codes(n: int, seed: int, **changes: Any) -> Latents:
    """Four classes; s is the class as one-hot with unused dimensions, z is noise."""
    rng = np.random.default_rng(seed)
    specified = rng.integers(0, 4, n)
    fields: dict[str, Any] = {
        "s": np.eye(6, dtype=np.float32)[specified],
        "z": rng.standard_normal((n, 3), dtype=np.float32),
        "logvar": np.zeros((n, 3), np.float32),
        "specified": specified,
    }
    return Latents(**{**fields, **{k: v(specified) for k, v in changes.items()}})


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """These codes are learnt in a few hundred steps."""
    monkeypatch.setattr(probe, "MIN_EPOCHS", 5)
    monkeypatch.setattr(probe, "MIN_STEPS", 200)


def test_class_in_s_is_found_and_noise_in_z_stays_at_chance() -> None:
    figures = probe.probe(codes(1000, 0), codes(2000, 1))
    assert figures["chance"] == 0.25
    for kind in ("mlp", "svm"):
        assert figures["rows"]["s"][kind]["test_accuracy"] == figures["rows"]["s"][kind]["test_macro_f1"] == 1.0
        for source in ("z sampled", "z mean"):
            assert figures["rows"][source][kind]["test_accuracy"] == pytest.approx(0.25, abs=0.05)


def test_a_class_that_no_plane_parts_is_found_by_both_classifiers() -> None:
    def corners(seed: int, n: int) -> Latents:
        """Two classes in the corners of a square, each in two that lie opposite: every plane is wrong in half."""
        rng = np.random.default_rng(seed)
        signs = rng.choice([-1.0, 1.0], (n, 2))
        z = (signs + rng.normal(0.0, 0.1, (n, 2))).astype(np.float32)
        return Latents(z[:, :0], z, None, (signs[:, 0] == signs[:, 1]).astype(np.int64))

    rows = probe.probe(corners(0, 500), corners(1, 500))["rows"]["z mean"]
    assert rows["svm"]["test_accuracy"] == 1.0
    assert rows["mlp"]["test_accuracy"] == 1.0


def test_differences_below_the_noise_are_found_in_the_mean_and_lost_in_the_sample() -> None:
    def tiny(specified: np.ndarray) -> np.ndarray:
        return 1e-3 * np.eye(4, dtype=np.float32)[specified]

    def unit(specified: np.ndarray) -> np.ndarray:
        return np.zeros((len(specified), 4), np.float32)

    rows = probe.probe(codes(1000, 0, z=tiny, logvar=unit), codes(2000, 1, z=tiny, logvar=unit))["rows"]
    for kind in ("mlp", "svm"):
        assert rows["z mean"][kind]["test_accuracy"] == 1.0
        assert rows["z sampled"][kind]["test_accuracy"] == pytest.approx(0.25, abs=0.05)


def test_z_is_drawn_anew_for_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "MIN_EPOCHS", 7)
    monkeypatch.setattr(probe, "MIN_STEPS", 1)
    drawn: list[bytes] = []
    original = Latents.sampled

    def sampled(self: Latents, rng: np.random.Generator) -> np.ndarray:
        drawn.append(original(self, rng).tobytes())
        return np.frombuffer(drawn[-1], np.float32).reshape(self.z.shape)

    monkeypatch.setattr(Latents, "sampled", sampled)
    train, test = codes(60, 0), codes(40, 1)
    probe._mlp((train.sampled, test.sampled), (train.specified, test.specified), 4, 1, 0)
    assert len(set(drawn)) == len(drawn) == 7 + 2  # the epochs, and one draw of each split for the figures


def test_an_empty_code_gives_the_commonest_class_and_its_macro_f1() -> None:
    def empty(n: int) -> Latents:
        nothing = np.zeros((n, 2), np.float32)
        return Latents(nothing[:, :0], nothing, None, (np.arange(n) % 4 == 0).astype(np.int64))

    figures = probe.probe(empty(400), empty(200))
    assert figures["majority"] == 0.75
    assert list(figures["rows"]) == ["z mean"]
    for row in figures["rows"]["z mean"].values():
        assert row["test_accuracy"] == 0.75
        # F1 of the named class is 2 * 0.75 * 1 / 1.75, of the other 0.
        assert row["test_macro_f1"] == pytest.approx(0.75 / 1.75, abs=1e-12)


def test_svm_learns_from_no_more_rows_than_it_says() -> None:
    row = probe.probe(codes(300, 0), codes(250, 1), svm_rows=200)["rows"]["s"]
    assert (row["svm"]["n_train"], row["svm"]["n_test"]) == (200, 200)
    assert (row["mlp"]["n_train"], row["mlp"]["n_test"]) == (300, 250)


def test_probe_repeats_itself_and_leaves_the_global_random_numbers_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = probe.probe(codes(300, 0), codes(200, 1))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    assert probe.probe(codes(300, 0), codes(200, 1)) == first


def test_a_class_that_the_probe_cannot_know_is_an_error() -> None:
    only = codes(60, 0, specified=lambda c: np.minimum(c, 2))
    with pytest.raises(DataError, match="1 test classes, such as 3"):
        probe.probe(only, codes(60, 1))
    with pytest.raises(DataError, match="two classes"):
        probe.probe(codes(60, 0, specified=np.zeros_like), codes(60, 1))


def test_samples_have_the_posterior_s_mean_and_variance() -> None:
    mean, logvar = np.array([[1.0, -2.0]]), np.log([[0.25, 4.0]])
    many = [np.repeat(a, 40_000, 0).astype(np.float32) for a in (mean, logvar)]
    posterior = Latents(many[0][:, :0], many[0], many[1], np.zeros(40_000, np.int64))
    drawn = posterior.sampled(np.random.default_rng(0))
    assert drawn.mean(0) == pytest.approx(mean[0], abs=0.05)
    assert drawn.std(0) == pytest.approx([0.5, 2.0], rel=0.02)
    point = Latents(many[0][:, :0], many[0], None, np.zeros(40_000, np.int64))
    assert np.array_equal(point.sampled(np.random.default_rng(0)), many[0])


def test_kl_and_active_dimensions_have_their_closed_forms() -> None:
    # Means of +-1, +-0.05 and 0: variances of the mean are 1, 0.0025 and 0; only the first is active.
    sign = np.where(np.arange(10) % 2, 1.0, -1.0)[:, None]
    mean, variance = sign * np.array([1.0, 0.05, 0.0]), np.array([0.5, 1.0, 1.0])
    z = Latents(
        np.zeros((10, 0), np.float32),
        mean.astype(np.float32),
        np.repeat(np.log(variance)[None], 10, 0).astype(np.float32),
        np.zeros(10, np.int64),
    )
    expected = 0.5 * (mean[0] ** 2 + variance - 1 - np.log(variance)).sum()
    figures = latents.information(z)
    assert figures["kl_nats"] == pytest.approx(expected, abs=1e-6)
    assert (figures["active_dimensions"], figures["dimensions"]) == (1, 3)
    assert "kl_nats" not in latents.information(Latents(z.s, z.z, None, z.specified))


def test_error_of_a_constant_difference() -> None:
    grey = SimpleNamespace(decode=lambda s, z: torch.zeros(len(z), 1, 4, 4), device=torch.device("cpu"))
    images = np.full((300, 4, 4, 1), 255, np.uint8)  # 1.0 against 0.5 on the scale 0..1
    empty = np.zeros((300, 2), np.float32)
    assert latents.decoding_error(grey, images, empty, empty) == pytest.approx(0.25, abs=1e-12)  # type: ignore[arg-type]


def test_nothing_is_drawn_with_pyplot() -> None:
    folder = Path(latents.__file__).parent
    assert not [p.name for p in folder.glob("*.py") if "matplotlib.pyplot" in p.read_text()]
