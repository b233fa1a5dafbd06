"""FID, precision and recall, density and coverage, rejection: against closed forms and independent formulas."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import Tensor, nn

from imgedit.edits.sample import odds
from imgedit.errors import ConfigError
from imgedit.models import library
from training import train as start
from training.data import grouped
from training.evaluate.drawn import density_ratio, features, fid, manifolds, rejection, report, subject
from training.methods import pixel_vae
from training.run import checkpoint
from training.run import config as configs


def normal(n: int, dim: int, seed: int, mean: float = 0.0) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + mean


def test_fid_of_a_shift_is_its_squared_length() -> None:
    real = normal(200, 6, 0)
    shift = torch.tensor([1.0, -2.0, 0.0, 0.5, 0.0, 3.0], dtype=torch.float64)
    assert fid.frechet(real, real + shift) == pytest.approx(float(shift.square().sum()), abs=1e-6)
    assert fid.frechet(real, real) == pytest.approx(0.0, abs=1e-6)


def test_fid_agrees_with_the_matrix_root_of_scipy() -> None:
    a, b = normal(300, 5, 1).numpy(), normal(250, 5, 2, 0.3).numpy() @ np.diag([1, 2, 0.5, 1, 1.5])
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * linalg.sqrtm(ca @ cb).real)
    assert fid.frechet(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(expected, abs=1e-3)


def test_manifolds_agree_with_the_definitions_on_few_points() -> None:
    real, fake = normal(40, 3, 3).numpy(), normal(30, 3, 4, 0.8).numpy()

    def kth(points: Any, k: int) -> Any:
        return np.sort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)[:, k]

    apart = np.linalg.norm(real[:, None] - fake[None], axis=2)
    r3, r5, f3 = kth(real, 3)[:, None], kth(real, 5)[:, None], kth(fake, 3)[None]
    found = manifolds.manifolds(torch.from_numpy(real), manifolds.radii(torch.from_numpy(real)), torch.from_numpy(fake))
    assert found == pytest.approx(
        {
            "precision": (apart <= r3).any(0).mean(),
            "recall": (apart <= f3).any(1).mean(),
            "density": (apart <= r5).sum() / (5 * 30),
            "coverage": (apart <= r5).any(1).mean(),
        },
        abs=1e-12,
    )


def test_a_collapsed_generator_is_precise_and_recalls_nothing() -> None:
    real = normal(400, 4, 5)
    collapsed = real[:1] + 1e-3 * normal(300, 4, 6)
    found = manifolds.manifolds(real, manifolds.radii(real), collapsed)
    assert found["precision"] == 1.0
    assert found["recall"] < 0.05
    assert found["coverage"] < 0.1
    far = manifolds.manifolds(real, manifolds.radii(real), collapsed + 100.0)
    assert far == {"precision": 0.0, "recall": 0.0, "density": 0.0, "coverage": 0.0}


def test_too_few_pictures_for_a_neighbourhood_are_refused() -> None:
    with pytest.raises(ConfigError, match="more than 5 pictures, got 5"):
        manifolds.radii(normal(5, 2, 0))


def test_chunks_do_not_change_the_radii() -> None:
    points = normal(1100, 2, 7)
    expected = torch.cdist(points, points).sort(1).values[:, [3, 5]]
    torch.testing.assert_close(manifolds.radii(points), expected)


@pytest.mark.parametrize(
    ("text", "expected"), [("80%", ("percentile", 80.0)), ("0.5", ("fixed", 0.5)), ("-1", ("fixed", -1.0))]
)
def test_gamma_is_a_percentile_or_a_number(text: str, expected: tuple[str, float]) -> None:
    assert rejection.parse_gamma(text) == expected


@pytest.mark.parametrize("text", ["", "p80", "101%", "nan", "-1%"])
def test_another_gamma_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--gamma is a percentile such as 80%"):
        rejection.parse_gamma(text)


class Shade:
    """One-pixel pictures from N(0, 1); the score is any map of the pixel."""

    z_dim = 1

    def __init__(self, slope: float = 1.0, offset: float = 0.0) -> None:
        self.slope, self.offset = slope, offset

    def generate(self, z: Any) -> Any:
        return z[:, :, None, None]

    def score(self, image: Any) -> Any:
        return self.slope * image.reshape(-1) + self.offset


def shades(n: int, mean: float) -> Any:
    return np.random.default_rng(8).normal(mean, 1.0, (n, 1, 1, 1)).astype(np.float32)


def test_calibration_finds_the_true_log_ratio_of_two_normals() -> None:
    # N(1, 1) against N(0, 1): the log ratio is x - 1/2; the score is 4 x + 3.
    real, fake = 4 * shades(40_000, 1.0).ravel() + 3, 4 * np.random.default_rng(9).normal(0, 1, 40_000) + 3
    a, b = rejection.calibrate(real, fake)
    assert a * 4 == pytest.approx(1.0, abs=0.04)
    assert b + a * 3 == pytest.approx(-0.5, abs=0.04)


def test_calibration_of_scores_that_part_the_two_perfectly_stays_finite() -> None:
    a, b = rejection.calibrate(np.linspace(1, 2, 50), np.linspace(-2, -1, 50))
    assert 0 < a < 100
    assert abs(b) < 1e-3


def test_log_loss_of_a_coin_is_log_two_and_of_certainty_zero() -> None:
    zeros = np.zeros(3)
    assert rejection.log_loss(zeros, zeros) == pytest.approx(np.log(2))
    assert rejection.log_loss(zeros + 50, zeros - 50) == pytest.approx(0.0, abs=1e-12)


def test_the_fitted_rejection_does_not_depend_on_the_unit_of_the_score() -> None:
    plain, about = rejection.fit(Shade(), shades(2000, 0.5), n_burn_in=2000).rejection("80%")
    scaled, _ = rejection.fit(Shade(-5.0, 2.0), shades(2000, 0.5), n_burn_in=2000).rejection("80%")
    assert plain.m == pytest.approx(scaled.m, abs=1e-3)
    assert plain.gamma == pytest.approx(scaled.gamma, abs=1e-3)
    assert plain.a == pytest.approx(-5 * scaled.a, abs=1e-3)
    assert about["log_loss"] < about["log_loss_raw"] < np.log(2) + 0.1
    assert {k: about[k] for k in ("n_calibration", "n_burn_in", "gamma_rule")} == {
        "n_calibration": 4000, "n_burn_in": 2000, "gamma_rule": "80%"
    }  # fmt: skip


def test_a_percentile_gamma_leaves_that_share_below_even_odds() -> None:
    calibration = rejection.fit(Shade(), shades(2000, 0.5), n_burn_in=5000)
    rule, _ = calibration.rejection("90%")
    x = np.random.default_rng(10).normal(0, 1, 20_000).astype(np.float32)
    assert (rule.probability(x) < 0.5).mean() == pytest.approx(0.9, abs=0.02)
    fixed, _ = calibration.rejection("0")
    assert fixed.gamma == 0.0
    assert (fixed.a, fixed.b, fixed.m) == (rule.a, rule.b, rule.m)
    np.testing.assert_allclose(
        fixed.probability(x[:9]), 1 / (1 + np.exp(-odds(fixed.a * x[:9].astype(np.float64) + fixed.b, fixed.m)))
    )


class Tiny(nn.Module):
    """A random network in the place of Inception or LeNet."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 8), nn.Tanh())
        self.head = nn.Linear(8, 10)


def stand_in() -> features.FeatureNetwork:
    network = Tiny().eval()

    @torch.no_grad()
    def run(images: features.Pixels, *, logits: bool) -> Any:
        found = network.body(grouped.to_tensor(images))
        return (network.head(found) if logits else found).numpy()

    return features.FeatureNetwork(
        "stand-in", "tiny", "0" * 64, "none", lambda x: run(x, logits=False), lambda x: run(x, logits=True)
    )


class Blobs:
    """Pictures of one shade each, the tanh of `z`'s first entry; the score is the mean shade."""

    z_dim = 2

    def generate(self, z: Any) -> Any:
        return np.tanh(z[:, :1, None, None]) * np.ones((1, 1, 28, 28), np.float32)

    def score(self, image: Any) -> Any:
        return image.mean((1, 2, 3))


def blobs(mean: float, n: int = 300) -> grouped.Grouped:
    shade = np.clip(np.random.default_rng(0).normal(mean, 20, (n, 1, 1, 1)), 0, 255).astype(np.uint8)
    return grouped.Grouped(shade * np.ones((1, 28, 28, 1), np.uint8), np.zeros(n, np.int64), ["blob"])


def evaluated(
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_score: bool,
    run: Path | None = None,
    splits: dict[str, grouped.Grouped] | None = None,
    generator: Any = None,
    n: int = 400,
    **options: Any,
) -> dict[str, Any]:
    """Measure `Blobs` against brighter blobs, or other splits."""
    data = splits or dict.fromkeys(("train", "valid", "test"), blobs(200))
    monkeypatch.setattr(start, "load_data", lambda spec, split, options: data[split])
    generator = generator or Blobs()
    gan = subject.GanSubject("gan.test", 28, {"averaged": generator, "last": generator}, has_score, run)
    monkeypatch.setattr(fid, "open_gan", lambda name, device: gan)
    return fid.evaluate("gan.test", "mnist:x", stand_in(), n=n, **options)


def test_every_figure_names_features_counts_and_resizer(monkeypatch: pytest.MonkeyPatch) -> None:
    result = evaluated(monkeypatch, has_score=False)
    about = {k: result[k] for k in ("features", "network", "sha256", "resizer", "n_real", "n_fake")}
    assert about == {"features": "stand-in", "network": "tiny", "sha256": "0" * 64, "resizer": "none",
                     "n_real": 300, "n_fake": 400}  # fmt: skip
    assert set(result["variants"]) == {"averaged", "last"}
    assert "rejection" not in result
    row = result["variants"]["averaged"]
    assert sum(row["shares"]) == pytest.approx(1.0, abs=1e-3)
    assert row["attempts"] == 1.0
    assert row == evaluated(monkeypatch, has_score=False)["variants"]["last"]


def test_rejection_brings_the_pictures_nearer_and_costs_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    result = evaluated(monkeypatch, has_score=True)
    plain, kept = result["variants"]["averaged"], result["variants"]["rejection"]
    assert kept["fid"] < 0.6 * plain["fid"]
    assert kept["attempts"] > 1.5
    assert set(result["rejection"]) >= {"a", "b", "m", "gamma", "gamma_rule", "log_loss"}


def test_rejection_that_does_not_help_on_the_validation_split_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Random(Blobs):
        """Its score is noise, so that a rejection only costs attempts."""

        def score(self, image: Any) -> Any:
            return np.random.default_rng(len(image)).standard_normal(len(image)).astype(np.float32)

    result = evaluated(monkeypatch, has_score=True, generator=Random())
    assert "rejection" in result["variants"]  # measured, and said
    assert len(result["valid"]) == 1 + len(rejection.GAMMAS)
    assert "rejection" not in result


def test_the_rejection_is_chosen_on_the_validation_split_and_not_on_the_test_split(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The generator's own shades are the validation pictures: nothing can be nearer to them, whatever the test shows.
    own = np.random.default_rng(1).standard_normal((300, 2)).astype(np.float32)
    shade = np.rint(127.5 * (np.tanh(own[:, :1, None, None]) + 1)).astype(np.uint8)
    same = grouped.Grouped(shade * np.ones((1, 28, 28, 1), np.uint8), np.zeros(300, np.int64), ["blob"])
    bright = blobs(200)
    refused = evaluated(monkeypatch, has_score=True, splits={"train": bright, "valid": same, "test": bright})
    assert "rejection" not in refused
    offered = evaluated(monkeypatch, has_score=True, splits={"train": bright, "valid": bright, "test": same})
    assert "rejection" in offered


def test_the_rejection_is_calibrated_on_the_validation_split(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    plain = rejection.fit

    def fit(generator: Any, real: Any, **options: Any) -> Any:
        seen.append(float(real.mean()))
        return plain(generator, real, **options)

    monkeypatch.setattr(rejection, "fit", fit)
    splits = {"train": blobs(100), "valid": blobs(200), "test": blobs(50)}
    evaluated(monkeypatch, has_score=True, splits=splits)
    assert seen == pytest.approx([float(splits["valid"].images.mean()) / 127.5 - 1])


def test_no_picture_serves_twice_in_a_rejection(monkeypatch: pytest.MonkeyPatch) -> None:
    class Recorder(Blobs):
        """Notes which noise was asked for, one set a series of pictures."""

        first: ClassVar[list[float]] = []

        def generate(self, z: Any) -> Any:
            self.first.append(float(z[0, 0]))
            return super().generate(z)

    evaluated(monkeypatch, has_score=True, generator=Recorder(), n=200, gammas=["80%"])
    begun = Recorder.first
    # Plain, last and rejected test pictures are of one seed, so that they compare; so are the two of the validation.
    assert begun.count(begun[0]) == 3
    (calibration,) = _first_noise(rejection.CALIBRATION_SEED)
    (burn_in,) = _first_noise(rejection.BURN_IN_SEED)
    (validation,) = _first_noise(fid.VALIDATION_SEED)
    assert (begun.count(calibration), begun.count(burn_in), begun.count(validation)) == (1, 1, 2)
    assert len({begun[0], calibration, burn_in, validation}) == 4


def _first_noise(seed: int) -> list[float]:
    for_z, _ = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    return [float(for_z.standard_normal((1, 2), np.float32)[0, 0])]


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ({"80%": (5.0, 0.5), "50%": (4.0, 0.6)}, "50%"),
        ({"80%": (5.0, 0.5), "50%": (4.0, 1.5)}, "80%"),  # nearer by the network alone does not count
        ({"80%": (5.0, 1.5), "50%": (4.0, 1.0)}, None),
        ({"80%": (10.0, 0.5), "50%": (11.0, 0.1)}, None),
    ],
)
def test_a_rejection_helps_only_by_both_measures(
    monkeypatch: pytest.MonkeyPatch, rows: dict[str, tuple[float, float]], chosen: str | None
) -> None:
    ways = iter([(10.0, 1.0), *rows.values()])
    of_way: list[tuple[float, float]] = []

    def measured(self: Any, fake: Any) -> float:
        if len(fake) == 300:  # the floor: real pictures
            return 0.0
        if self.network.name != "pixels":
            of_way[:] = [next(ways)]
        return of_way[0][self.network.name == "pixels"]

    monkeypatch.setattr(fid.Reference, "fid", measured)
    result = evaluated(monkeypatch, has_score=True, gammas=list(rows))
    assert result.get("rejection", {}).get("gamma_rule") == chosen


def test_fid_of_few_pictures_is_warned_of(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    evaluated(monkeypatch, has_score=False, n=6)
    assert "FID of 6 pictures and 8 features is mostly sampling error" in caplog.text
    caplog.clear()
    evaluated(monkeypatch, has_score=False, n=2000, splits=dict.fromkeys(("train", "valid", "test"), blobs(200, 2000)))
    assert caplog.text == ""
    fid._warn_of_few(2000, 2048)  # Inception's features
    assert "2000 pictures and 2048 features" in caplog.text


_plain_train = density_ratio.train
_trained: dict[bytes, density_ratio.DensityRatioClassifier] = {}


def train_once(generator: Any, real: Any, *, seed: int = 0) -> density_ratio.DensityRatioClassifier:
    """Train a classifier of `Blobs` for 60 steps; for the same pictures and seed it is the same one, and kept."""
    assert type(generator) is Blobs
    key = hashlib.sha256(real.tobytes()).digest() + str(seed).encode()
    if key not in _trained:
        _trained[key] = _plain_train(generator, real, seed=seed, steps=60)
    return copy.deepcopy(_trained[key])


def test_a_run_is_also_scored_by_a_classifier_that_stays_in_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(density_ratio, "train", train_once)
    result = evaluated(monkeypatch, has_score=True, run=tmp_path)
    variants = result["variants"]
    assert set(variants) == {"averaged", "last", "rejection", density_ratio.VARIANT}
    assert variants[density_ratio.VARIANT]["fid"] < 0.6 * variants["averaged"]["fid"]
    content = (tmp_path / "density_ratio.onnx").read_bytes()
    # The score of `Blobs` is their brightness, which is all there is to know: the one or the other may be the nearer.
    kept = result["rejection"]
    assert (density_ratio.NAME in kept) == (kept["variant"] == density_ratio.VARIANT)
    assert kept.get(density_ratio.NAME, {}).get("sha256") in (None, hashlib.sha256(content).hexdigest())


def test_the_better_score_of_the_validation_split_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Blind(Blobs):
        def score(self, image: Any) -> Any:
            return np.zeros(len(image), np.float32)

    def fit(generator: Any, *args: Any, **options: Any) -> Any:
        blind = Blind() if isinstance(generator, density_ratio.ScoredGenerator) is blind_classifier else generator
        return plain(blind, *args, **options)

    plain = rejection.fit
    monkeypatch.setattr(rejection, "fit", fit)
    monkeypatch.setattr(density_ratio, "train", train_once)
    for blind_classifier in (True, False):
        kept = evaluated(monkeypatch, has_score=True, run=tmp_path)["rejection"]
        assert (density_ratio.NAME in kept) is not blind_classifier


def test_inception_without_its_weights_says_where_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("torch_fidelity")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"fetch https://github\.com/toshas.*--features lenet"):
        features.load("inception")
    file = tmp_path / "hub" / "checkpoints" / features.INCEPTION_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not it")
    shown = hashlib.sha256(b"not it").hexdigest()[:8]
    with pytest.raises(ConfigError, match=f"does not hold these weights .SHA-256 {shown}"):
        features.load("inception")
    other = tmp_path / "weights.pth"
    with pytest.raises(ConfigError, match=r"weights\.pth is no file: fetch .* or name it by --inception-weights"):
        features.load(inception_weights=other)
    other.write_bytes(b"neither")
    with pytest.raises(ConfigError, match=r"weights\.pth does not hold these weights"):
        features.load(inception_weights=other)
    with pytest.raises(ConfigError, match="are for --features inception"):
        features.load("lenet", inception_weights=other)


def test_inception_without_torch_fidelity_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch_fidelity", None)
    with pytest.raises(ConfigError, match="needs torch-fidelity"):
        features.load("inception")


def test_unknown_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="inception or lenet, got 'vgg'"):
        features.load("vgg")


@pytest.fixture
def digit_run(tmp_path: Path) -> Path:
    """A run of an untrained digit classifier."""
    config = configs.resolve("digit_classifier", None, ["widths=2,3", "hidden=6,5"])
    method = configs.method_module("digit_classifier").Method(config)
    content = {"method_id": "digit_classifier", "config": configs.to_json(config), "method": method.state_dict()}
    checkpoint.save(tmp_path / "run", 0, content)
    return tmp_path / "run"


def test_lenet_features_are_the_last_layer_but_one_and_bear_the_hash_of_the_exported_graph(digit_run: Path) -> None:
    from training.publish.export import export

    found = features.load("lenet", str(digit_run), "cpu")
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28, 1), dtype=np.uint8)
    assert found.extract(images).shape == (7, 5)
    assert found.classify is not None
    np.testing.assert_allclose(found.classify(images).sum(1), 1.0, atol=1e-5)
    manifest = export(digit_run, digit_run.parent / "model")
    assert manifest.graphs["classify"].sha256 == found.sha256
    assert found.about()["resizer"] == "none (28 px)"
    with pytest.raises(ConfigError, match="grey pictures of 28 px, got"):
        found.extract(np.zeros((1, 32, 32, 1), np.uint8))


def test_the_features_of_every_figure_are_those_of_the_bundled_classifier() -> None:
    found = features.load("lenet", device="cpu")
    assert found.network == features.CLASSIFIER
    assert found.sha256 == library.find(features.CLASSIFIER).manifest.graphs["classify"].sha256
    assert found.extract(np.zeros((2, 28, 28, 1), np.uint8)).shape == (2, 84)


def test_a_pixel_vae_is_measured_by_its_likelihood_and_draws_value_by_value(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = {**pixel_vae.Method.tiny(), "size": 28}
    method = pixel_vae.Method(configs.build(pixel_vae.Config, settings))
    content = {"method_id": "pixel_vae", "config": configs.to_json(method.config), "method": method.state_dict()}
    checkpoint.save(tmp_path / "run", 0, content)
    noise = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1), np.uint8)
    data = grouped.Grouped(noise, np.zeros(60, np.int64), ["noise"])
    monkeypatch.setattr(start, "load_data", lambda spec, split, options: data)
    monkeypatch.setattr(fid, "DRAWS", 5)
    found = fid.evaluate(str(tmp_path / "run"), "mnist:x", stand_in(), n=60, device="cpu")
    assert set(found["variants"]) == {"averaged"}
    assert "valid" not in found  # nothing scores its pictures
    bits = found["bits_per_dim"]
    assert set(bits) == {"1", "5"}
    assert np.log2(4) - 0.05 <= bits["5"] <= bits["1"]  # four levels of noise cannot be told in less
    result = {"model": "run", "data": "mnist", "seed": 0, "metrics": found}
    said = " ".join(str(block) for block in report.blocks(result))
    nats = bits["5"] * 784 * np.log(2)
    assert f"At most {bits['5']:.4f} bits a value of the real pictures ({nats:.2f} nats a picture), by 5 draws" in said


def test_pictures_whose_greys_are_drawn_are_measured_as_black_and_white(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = {**pixel_vae.Method.tiny(), "size": 28, "levels": 2, "binarise": "drawn"}
    method = pixel_vae.Method(configs.build(pixel_vae.Config, settings))
    content = {"method_id": "pixel_vae", "config": configs.to_json(method.config), "method": method.state_dict()}
    checkpoint.save(tmp_path / "run", 0, content)
    grey = grouped.Grouped(np.full((60, 28, 28, 1), 64, np.uint8), np.zeros(60, np.int64), ["grey"])
    monkeypatch.setattr(start, "load_data", lambda spec, split, options: grey)
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(
        pixel_vae.Method, "bits_per_dim", lambda self, image, n: seen.append(image) or torch.zeros(len(image))
    )
    fid.evaluate(str(tmp_path / "run"), "mnist:x", stand_in(), n=60, device="cpu")
    one, ten = seen
    assert torch.equal(one, ten)  # one draw for both bounds, so that they compare
    assert one.unique().tolist() == [-1.0, 1.0]
    assert float((one > 0).float().mean()) == pytest.approx(64 / 255, abs=0.01)  # five standard deviations
