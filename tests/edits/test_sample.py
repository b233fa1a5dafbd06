"""Drawing and rejecting pictures, against the closed form of rejection sampling."""

from __future__ import annotations

import errno
import itertools
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import photo
from imgedit.cli import sample as command
from imgedit.edits import sample as samples
from imgedit.edits.sample import Rejection
from imgedit.errors import ModelError
from imgedit.models.library import Model
from tests import toy_models as models
from tests.command_line import app

ROOT = Path(imgedit.__file__).parent.parent
CALIBRATION = {"rejection": {"a": 1.0, "b": 0.0, "m": 2.0, "gamma": 0.0}}


class Normal:
    """One-pixel pictures drawn from N(0, 1), scored by the true log ratio to the target N(0.5, 0.8)."""

    z_dim = 1
    mean, std = 0.5, 0.8

    def generate(self, z):
        return z[:, :, None, None]

    def score(self, image):
        x = image.reshape(-1)
        return -((x - self.mean) ** 2) / (2 * self.std**2) + x**2 / 2 - math.log(self.std)

    @property
    def m(self):
        """The supremum of the score, at mean / (1 - std^2)."""
        return self.mean**2 / (2 * (1 - self.std**2)) - math.log(self.std)


def drawn(n, generator=None, **options):
    parts = list(samples.draw(generator or Normal(), n, **options))
    return np.concatenate([p.images for p in parts]), sum(p.attempts for p in parts)


def run(*args):
    done = CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False, prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


def opened(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def gan(tmp_path: Path) -> Model:
    return models.generator(tmp_path / "gan", metrics=CALIBRATION)


def test_rejection_with_the_true_ratio_draws_the_target_at_the_rate_of_the_theory():
    n = 20_000
    images, attempts = drawn(n, rejection=Rejection(1.0, 0.0, Normal().m, 0.0))
    assert images.mean() == pytest.approx(Normal.mean, abs=4 * Normal.std / math.sqrt(n))
    assert images.std() == pytest.approx(Normal.std, abs=4 * Normal.std / math.sqrt(2 * n))
    assert n / attempts == pytest.approx(math.exp(-Normal().m), abs=0.015)


def test_the_calibration_is_undone_before_the_comparison():
    class Squashed(Normal):
        def score(self, image):
            return (super().score(image) - 0.7) / 3.0

    plain, attempts = drawn(500, rejection=Rejection(1.0, 0.0, Normal().m, 0.2))
    squashed, same = drawn(500, Squashed(), rejection=Rejection(3.0, 0.7, Normal().m, 0.2))
    np.testing.assert_array_equal(plain, squashed)
    assert attempts == same


def test_probability_is_the_sigmoid_of_the_odds():
    rejection = Rejection(2.0, 1.0, 3.0, 0.5)
    score = np.array([-2.0, 0.0, 0.9], np.float32)
    below = 2.0 * score.astype(np.float64) + 1.0 - 3.0
    f = below - np.log(1 - np.exp(below - samples.EPSILON)) - 0.5
    np.testing.assert_allclose(rejection.probability(score), 1 / (1 + np.exp(-f)), rtol=1e-6)


def test_a_picture_above_m_is_kept_and_a_hopeless_one_never():
    p = Rejection(1.0, 0.0, 2.0, 0.0).probability(np.array([2.0, 50.0, -1e6], np.float32))
    np.testing.assert_allclose(p, [1.0, 1.0, 0.0], atol=1e-6)


def test_a_larger_gamma_keeps_fewer():
    rates = [500 / drawn(500, rejection=Rejection(1.0, 0.0, Normal().m, g))[1] for g in (-2.0, 0.0, 2.0)]
    assert rates[0] > rates[1] > rates[2]


@pytest.mark.parametrize("rejection", [None, Rejection(1.0, 0.0, 1.0, 0.0)])
def test_the_seed_decides_and_the_batch_size_does_not(rejection):
    one, attempts = drawn(40, seed=4, rejection=rejection)
    for batch_size in (1, 7):
        other, same = drawn(40, seed=4, rejection=rejection, batch_size=batch_size)
        np.testing.assert_array_equal(one, other)
        assert attempts == same
    assert not np.array_equal(one, drawn(40, seed=5, rejection=rejection)[0])


def test_kept_pictures_are_some_of_those_without_rejection_in_order():
    kept, attempts = drawn(50, rejection=Rejection(1.0, 0.0, 1.0, 0.0))
    everything = drawn(attempts)[0].reshape(-1).tolist()
    places = [everything.index(x) for x in kept.reshape(-1).tolist()]
    assert places == sorted(places)
    assert places[-1] == attempts - 1


def test_a_calibration_that_rejects_everything_ends_with_an_error():
    with pytest.raises(ModelError, match="100000 pictures in a row"):
        drawn(1, rejection=Rejection(1.0, 0.0, 1e6, 0.0), batch_size=20_000)


def test_grid_puts_pictures_in_reading_order_on_grey():
    pictures = np.arange(1, 6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
    sheet = samples.sheet_of(pictures, gap=1)
    assert sheet.shape == (5, 11, 3)
    assert sheet[0, ::4].max(1).tolist() == [1, 2, 3]
    assert sheet[3, ::4].max(1).tolist() == [4, 5, 128]
    assert (sheet[2] == 128).all()


def test_a_model_that_does_not_draw_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is there to translate, not to sample"):
        samples.OnnxGenerator(models.face(tmp_path / "face"))


@pytest.mark.parametrize("stored", [{}, {"rejection": {"a": 1.0}}, {"rejection": dict.fromkeys("ab", "x")}])
def test_a_missing_or_damaged_calibration_is_said(tmp_path, stored):
    model = models.generator(tmp_path / "gan", metrics=stored)
    with pytest.raises(ModelError, match=r"calibrat|rejection was not found to help its pictures$"):
        Rejection.of(model)


def test_sample_writes_numbered_grey_pictures_that_the_seed_decides(gan, tmp_path):
    for name in ("one", "two"):
        code, out, err = run("sample", gan.folder, "-n", 5, "-o", tmp_path / name, "--seed", 3, "--device", "cpu")
        assert (code, out, err) == (0, f"{tmp_path / name}\n", "")
    files = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert files == [f"{i:05d}.png" for i in range(5)]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    assert opened(tmp_path / "one" / "00000.png").shape == (4, 4)


def test_rejection_keeps_the_brighter_pictures_and_says_how_many_attempts(gan, tmp_path):
    shades = {}
    for extra in ([], ["--reject"]):
        folder = tmp_path / f"out{len(extra)}"
        code, out, _ = run("sample", gan.folder, "-n", 60, "-o", folder, "--json", "--device", "cpu", *extra)
        assert code == 0
        told = json.loads(out)
        assert told["attempts_per_picture"] == pytest.approx(told["attempts"] / 60, abs=1e-3)
        shades[told["reject"]] = np.mean([opened(p).mean() for p in folder.iterdir()])
        assert (told["attempts"] > 60) == told["reject"]
    assert shades[True] > shades[False] + 20


def test_grid_is_one_picture(gan, tmp_path):
    code, _, err = run("sample", gan.folder, "-n", 5, "--grid", "-o", tmp_path / "g.png", "--device", "cpu")
    assert (code, err) == (0, "")
    assert opened(tmp_path / "g.png").shape == (10, 16, 3)


def test_pictures_are_never_overwritten_unasked(gan, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "00001.png").write_bytes(b"mine")
    (out / "99999.png").write_bytes(b"older")
    code, _, err = run("sample", gan.folder, "-n", 2, "-o", out, "--device", "cpu")
    assert (code, (out / "00001.png").read_bytes()) == (1, b"mine")
    assert "--overwrite" in err
    code, _, err = run("sample", gan.folder, "-n", 2, "-o", out, "--overwrite", "--device", "cpu")
    assert code == 0
    assert "keeps 1 other pictures, such as 99999.png" in err
    assert opened(out / "00001.png").shape == (4, 4)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["-o", "-"], 2, "stdout"),
        (["-o", "no/where/out"], 1, "does not exist"),
        (["-o", "{gan}/manifest.json"], 1, "is a file"),
        (["-o", "x.txt", "--grid"], 1, "unknown ending"),
        (["-o", "digits.png"], 2, "looks like a picture; name a folder; or add --grid"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(gan, tmp_path, monkeypatch, args, code, said):
    monkeypatch.chdir(tmp_path)
    got, out, err = run("sample", gan.folder, *(a.format(gan=gan.folder) for a in args))
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_reject_without_a_calibration_is_a_sentence(tmp_path):
    model = models.generator(tmp_path / "bare")
    code, out, err = run("sample", model.folder, "--reject", "-o", tmp_path / "out")
    assert (code, out) == (1, "")
    assert "gan.test cannot reject pictures" in err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_pictures_is_not_left(gan, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(os, "replace", full)  # where there are no hard links
    for name, left in (("new", False), ("there", True)):
        (tmp_path / "there").mkdir(exist_ok=True)
        code, _, err = run("sample", gan.folder, "-n", 2, "-o", tmp_path / name, "--device", "cpu")
        assert (code, "No space left" in err) == (1, True), err
        assert (tmp_path / name).exists() == left


def test_ctrl_c_leaves_the_pictures_of_whole_batches_only(gan, tmp_path, monkeypatch):
    calls = itertools.count()
    link = os.link

    def interrupted(source, target):
        if next(calls) == 259:
            raise KeyboardInterrupt
        link(source, target)

    monkeypatch.setattr(os, "link", interrupted)
    code, out, err = run("sample", gan.folder, "-n", 270, "-o", tmp_path / "out", "--device", "cpu")
    assert (code, out, err) == (130, "", "interrupted\n")
    files = sorted((tmp_path / "out").iterdir())
    assert [f.name for f in files] == [f"{i:05d}.png" for i in range(256)]
    assert all(opened(f).shape == (4, 4) for f in files)


def test_python_callers_get_the_pictures_that_the_command_writes(gan, tmp_path):
    run("sample", gan.folder, "-n", 5, "-o", tmp_path / "out", "--seed", 3, "--device", "cpu")
    pictures = imgedit.sample(gan.folder, 5, seed=3, device="cpu")
    assert pictures.shape == (5, 4, 4, 1)
    for i, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture[..., 0], opened(tmp_path / "out" / f"{i:05d}.png"))


def test_progress_says_the_acceptance_rate(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    parts = samples.draw(Normal(), 300, rejection=Rejection(1.0, 0.0, Normal().m, 0.0), batch_size=100)
    list(command._with_progress(parts, n=300, reject=True, quiet=False))
    assert "% accepted" in capsys.readouterr().err


def test_sampling_loads_no_torch(gan, tmp_path):
    code = "import sys; from imgedit.cli import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    args = ["sample", str(gan.folder), "-n", "3", "--reject", "-o", str(tmp_path / "out"), "--device", "cpu"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("grid", [False, True])
def test_pictures_in_colour_say_that_a_model_made_them_and_digits_do_not(tmp_path: Path, grid: bool) -> None:
    def written(channels: int, *more: str) -> photo.Photo:
        model = models.generator(tmp_path / f"gan{channels}", name=f"gan{channels}.test", channels=channels)
        out = tmp_path / f"out{channels}{'.png' if grid else ''}"
        code, _, err = run("sample", model.folder, "-n", 2, "-o", out, *(["--grid"] if grid else []), *more)
        assert code == 0, err
        shutil.rmtree(model.folder)
        return photo.read(out if grid else out / "00001.png")

    colour = written(3)
    assert colour.metadata.xmp is not None
    assert b"/trainedAlgorithmicMedia" in colour.metadata.xmp
    assert b"gan3.test" in colour.metadata.xmp
    assert written(1).metadata.xmp is None
    assert written(3, "--no-mark", "--overwrite").metadata.xmp is None
