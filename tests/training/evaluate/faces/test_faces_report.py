"""The figures that `imgedit evaluate` reports, against references and closed forms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.models.manifest import Word
from imgedit.vision import geometry
from training import train as start
from training.data.celeba import HAIR
from training.data.grouped import Grouped
from training.evaluate import layout
from training.evaluate import result as results
from training.evaluate.faces import attributes, frames, identity, quality, recognition, report
from training.evaluate.subject import sample_indices

DATA = Path(os.environ.get("IMGEDIT_DATA", "/nonexistent"))
needs_celeba = pytest.mark.skipif(not (DATA / "celeba").is_dir(), reason="needs IMGEDIT_DATA with celeba")

Frame = NDArray[np.uint8]


def picture(seed: int, shape: tuple[int, ...] = (40, 50, 3)) -> Frame:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_l1_and_psnr_of_a_constant_difference() -> None:
    a = np.full((4, 4, 3), 100, np.uint8)
    assert quality.l1(a, a + 51) == pytest.approx(0.2, abs=1e-12)
    assert quality.psnr(quality.squared_error(a, a + 51)) == pytest.approx(20 * np.log10(5), abs=1e-9)
    assert quality.psnr(quality.squared_error(a, a)) == quality.PSNR_LIMIT


def test_ssim_and_psnr_agree_with_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    a = picture(1)
    noise = np.random.default_rng(2).normal(0, 20, a.shape)
    b = np.clip(a + noise, 0, 255).astype(np.uint8)
    expected = metrics.structural_similarity(
        a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert quality.ssim(a, b) == pytest.approx(expected, abs=1e-6)
    assert quality.psnr(quality.squared_error(a, b)) == pytest.approx(metrics.peak_signal_noise_ratio(a, b), abs=1e-9)
    assert quality.ssim(a, a) == pytest.approx(1.0, abs=1e-12)


def test_intersection_over_union_counts_both_kinds_of_error() -> None:
    confusion = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    iou = recognition.intersection_over_union(confusion)
    assert iou[:2] == pytest.approx([6 / 9, 3 / 6])
    assert np.isnan(iou[2])


def test_the_choice_is_by_seed_without_repeats_and_in_order() -> None:
    a = sample_indices(100, 30, 0)
    assert len(set(a.tolist())) == 30
    assert a.tolist() == sorted(a.tolist()) == sample_indices(100, 30, 0).tolist()
    assert a.tolist() != sample_indices(100, 30, 1).tolist()
    assert sample_indices(5, None, 3).tolist() == [0, 1, 2, 3, 4]


class Judge:
    """Sees hair colours and a smile in the first pixel: the painted truth."""

    id = "painted"
    attributes = (*HAIR, "Smiling", "Male")

    def probabilities(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
        return np.array([[*np.eye(4)[f[0, 0, 0]], f[0, 0, 1], f[0, 0, 2]] for f in frames], np.float32)

    def column(self, attribute: str) -> int:
        return self.attributes.index(attribute)


@dataclass
class Manifest:
    id: str
    kind: str
    attributes: tuple[str, ...]
    words: dict[str, Word]
    only_adds: bool = False
    only_removes: bool = False


@dataclass
class Model:
    manifest: Manifest

    @property
    def id(self) -> str:
        return self.manifest.id


def painted(n: int) -> frames.Faces:
    """Faces whose first pixel says hair colour, smile and sex; the labels are the truth, row 0 has two colours.

    The first half are young.
    """
    names = (*HAIR, "Smiling", "Male", "Wearing_Hat", "Bald", "Young")
    blank = [np.zeros((218, 178, 3), np.uint8) for _ in range(n)]
    labels = np.zeros((n, len(names)), bool)
    for i, frame in enumerate(blank):
        frame[0, 0] = i % 4, i % 2, (i // 2) % 2
        labels[i, i % 4], labels[i, 4], labels[i, 5] = True, frame[0, 0, 1], frame[0, 0, 2]
    labels[0, 1] = True
    labels[: n // 2, 8] = True
    return frames.Faces(blank, labels, names)


def evaluate(
    monkeypatch: pytest.MonkeyPatch, attribute_names: tuple[str, ...], words: Any, edit: Any
) -> dict[str, Any]:
    monkeypatch.setattr(attributes.FrameEditor, "edit", lambda self, frame, said: edit(frame.copy(), said))
    entries = {word: Word(sets) for word, sets in words.items()}
    model: Any = Model(Manifest("m.d", "translate", attribute_names, entries))
    judge: Any = Judge()
    return attributes.evaluate(model, painted(16), judge, with_identity=False)


HAIR_WORDS = {
    w: {h: float(h == name) for h in HAIR} for w, name in zip(("black", "blond", "brown", "grey"), HAIR, strict=True)
}


def test_a_perfect_hair_editor_scores_one_and_keeps_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(frame: Frame, said: Sequence[str]) -> Frame:
        frame[0, 0, 0] = list(HAIR_WORDS).index(said[0])
        return frame

    result = evaluate(monkeypatch, HAIR, HAIR_WORDS, edit)
    names = ("accuracy", "kept", "accuracy_with_hair", "accuracy_clear_hair", "kept_clear_hair")
    assert result["mean"] == dict.fromkeys(names, 1.0)
    assert (result["n_with_hair"], result["n_clear_hair"]) == (16, 15)
    assert result["reconstruction"] == {"l1": 0.0, "psnr": 100.0, "ssim": pytest.approx(1.0), "equal": 1.0}


def test_faces_that_show_no_hair_are_also_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = painted(16)
    for row, label in ((3, "Wearing_Hat"), (4, "Bald")):
        faces.labels[row, faces.attributes.index(label)] = True
        faces.frames[row][0, 1] = 1

    def edit(self: Any, frame: Frame, said: Sequence[str]) -> Frame:
        edited = frame.copy()
        if not frame[0, 1].any():
            edited[0, 0, 0] = list(HAIR_WORDS).index(said[0])
        return edited

    monkeypatch.setattr(attributes.FrameEditor, "edit", edit)
    model: Any = Model(Manifest("m.d", "translate", HAIR, {word: Word(sets) for word, sets in HAIR_WORDS.items()}))
    judge: Any = Judge()
    result = attributes.evaluate(model, faces, judge, with_identity=False)
    assert (result["n_with_hair"], result["n_clear_hair"]) == (14, 13)
    assert result["edits"]["Black_Hair"]["accuracy"] == 15 / 16  # the bald one is black as it is
    assert result["edits"]["Blond_Hair"]["accuracy"] == 14 / 16
    assert result["edits"]["Blond_Hair"]["accuracy_with_hair"] == 1.0


def test_an_editor_that_does_nothing_is_right_by_chance_and_keeps_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    result = evaluate(monkeypatch, HAIR, HAIR_WORDS, lambda frame, said: frame)
    assert [row["accuracy"] for row in result["edits"].values()] == [0.25] * 4
    assert result["mean"]["kept"] == 1.0


def test_hair_colours_are_judged_by_the_judge_of_hair(monkeypatch: pytest.MonkeyPatch) -> None:
    class OfHair(Judge):
        """Sees the colour of the second pixel."""

        def probabilities(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
            return super().probabilities([frame[:, 1:] for frame in frames])

    def edit(frame: Frame, said: Sequence[str]) -> Frame:
        frame[0, 1, 0] = list(HAIR_WORDS).index(said[0])
        return frame

    monkeypatch.setattr(attributes.FrameEditor, "edit", lambda self, frame, said: edit(frame.copy(), said))
    model: Any = Model(Manifest("m.d", "translate", HAIR, {word: Word(sets) for word, sets in HAIR_WORDS.items()}))
    judges: Any = Judge(), OfHair()
    result = attributes.evaluate(model, painted(16), *judges, with_identity=False)
    assert result["mean"]["accuracy"] == 1.0
    assert result["mean"]["accuracy_whole_face"] == 0.25
    assert set(result["accuracy_by_group"].values()) == {1.0}


def test_accuracy_is_also_told_by_sex_and_age(monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(frame: Frame, said: Sequence[str]) -> Frame:
        if frame[0, 0, 2]:  # only men are edited
            frame[0, 0, 0] = list(HAIR_WORDS).index(said[0])
        return frame

    result = evaluate(monkeypatch, HAIR, HAIR_WORDS, edit)
    assert result["n_by_group"] == dict.fromkeys(("young women", "young men", "older women", "older men"), 4)
    found = result["accuracy_by_group"]
    assert {found[f"{h}, {age} men"] for h in HAIR for age in ("young", "older")} == {1.0}
    assert {found[f"{h}, {age} women"] for h in HAIR for age in ("young", "older")} == {0.0, 0.5}  # as they were


def test_a_model_of_hair_and_face_words_has_the_mean_of_what_both_have(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {**HAIR_WORDS, "smile": {"Smiling": 1.0}}
    result = evaluate(monkeypatch, (*HAIR, "Smiling"), words, lambda frame, said: frame)
    assert result["mean"] == {"accuracy": 0.2, "kept": 1.0}  # four colours right in a quarter, no smile changed
    assert "accuracy_clear_hair" in result["edits"]["Gray_Hair"]
    assert "round_trip_psnr" in result["edits"]["Smiling"]


def test_what_a_model_only_adds_is_asked_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(self: Any, frame: Frame, said: Sequence[str]) -> Frame:
        assert (list(said), frame[0, 0, 1]) == (["smile"], 0)
        edited = frame.copy()
        edited[0, 0, 1] = edited[0, 0, 2]  # only men smile then
        return edited

    monkeypatch.setattr(attributes.FrameEditor, "edit", edit)
    words = {"smile": Word({"Smiling": 1.0})}
    model: Any = Model(Manifest("m.d", "translate", ("Smiling",), words, only_adds=True))
    judge: Any = Judge()
    result = attributes.evaluate(model, painted(16), judge, with_identity=False)
    assert result["edits"]["Smiling"] == {"accuracy": 0.5, "kept": 1.0}
    assert result["n_without"] == {"Smiling": 8}
    assert result["accuracy_by_group"]["Smiling, young men"] == 1.0
    assert result["accuracy_by_group"]["Smiling, young women"] == 0.0


def test_what_a_model_only_removes_is_asked_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(self: Any, frame: Frame, said: Sequence[str]) -> Frame:
        assert (list(said), frame[0, 0, 1] > 0) == (["no-smile"], True)
        edited = frame.copy()
        edited[0, 0, 1] = 0
        return edited

    monkeypatch.setattr(attributes.FrameEditor, "edit", edit)
    words = {"smile": Word({"Smiling": 1.0})}
    model: Any = Model(Manifest("m.d", "translate", ("Smiling",), words, only_removes=True))
    judge: Any = Judge()
    result = attributes.evaluate(model, painted(16), judge, with_identity=False)
    assert result["edits"]["Smiling"] == {"accuracy": 1.0, "kept": 1.0}
    assert result["n_with"] == {"Smiling": 8}


def test_a_word_that_switches_an_attribute_off_is_right_where_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(self: Any, frame: Frame, said: Sequence[str]) -> Frame:
        assert list(said) == ["stern"]
        edited = frame.copy()
        edited[0, 0, 1] = 0
        return edited

    monkeypatch.setattr(attributes.FrameEditor, "edit", edit)
    model: Any = Model(Manifest("m.d", "translate", ("Smiling",), {"stern": Word({"Smiling": 0.0})}, only_adds=True))
    judge: Any = Judge()
    result = attributes.evaluate(model, painted(16), judge, with_identity=False)
    assert result["edits"]["Smiling"]["accuracy"] == 1.0
    assert result["n_without"] == {"Smiling": 8}


def test_kept_counts_the_other_attributes_and_not_the_edited_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(frame: Frame, said: Sequence[str]) -> Frame:
        assert set(said) <= {"smile", "no-smile"}
        frame[0, 0, 1] = not said[0].startswith("no-")
        frame[0, 0, 2] = 1 - frame[0, 0, 2]  # and changes the sex of everybody: 1 of 5 other decisions
        return frame

    result = evaluate(monkeypatch, ("Smiling",), {"smile": {"Smiling": 1.0}}, edit)
    row = result["edits"]["Smiling"]
    assert (row["accuracy"], row["kept"]) == (1.0, pytest.approx(0.8))


def test_round_trip_compares_the_face_with_the_edit_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, _ = geometry.FACE

    def edit(frame: Frame, said: Sequence[str]) -> Frame:
        frame[0, 0, 1] = not said[0].startswith("no-")
        frame[y:, x:] += 26 if said == ["smile"] else 0  # every second face, when it is given or given back its smile
        return frame

    result = evaluate(monkeypatch, ("Smiling",), {"smile": {"Smiling": 1.0}}, edit)
    row = result["edits"]["Smiling"]
    assert row["round_trip_psnr"] == pytest.approx(20 * np.log10(255 / 26), abs=1e-9)
    assert row["round_trip_l1"] == pytest.approx(26 / 255, abs=1e-9)
    assert "reconstruction" not in result


def test_frames_are_edited_where_the_template_says(monkeypatch: pytest.MonkeyPatch) -> None:
    (face,) = attributes.FrameEditor([]).faces(None)  # type: ignore[arg-type]
    np.testing.assert_allclose(face.landmarks, geometry.FACE_TEMPLATE, atol=1e-4)
    matrix = geometry.crop_matrix(face.landmarks, "face", 178)
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, -20]], atol=1e-4)


def test_identity_chip_puts_the_eyes_where_dlib_wants_them() -> None:
    frame = np.zeros((218, 178, 3), np.uint8)
    for x, y in geometry.FACE_TEMPLATE[:2]:
        frame[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 255
    chip = identity.chip(frame)[..., 0].astype(float)
    assert chip.shape == (150, 150)
    for half, expected in ((slice(0, 75), 47.7), (slice(75, 150), 100.3)):
        weight = chip[:, half]
        ys, xs = np.mgrid[0:150, half]
        assert (xs * weight).sum() / weight.sum() == pytest.approx(expected, abs=1.0)
        assert (ys * weight).sum() / weight.sum() == pytest.approx(47.1, abs=1.0)


@needs_celeba
def test_identity_tells_people_apart_on_aligned_frames() -> None:
    pytest.importorskip("dlib")
    who = dict(
        line.split() for line in (DATA / "celeba" / "identity_CelebA.txt").read_text().splitlines() if line.strip()
    )
    people: dict[str, list[Path]] = {}
    for path in sorted((DATA / "celeba" / "img_align_celeba").iterdir()):
        people.setdefault(who[path.name], []).append(path)
    pairs = [paths[:2] for paths in people.values() if len(paths) > 1][:25]
    folder = DATA / "celeba"
    a, b = (identity.descriptors([frames._frame(folder, pair[k].name) for pair in pairs]) for k in (0, 1))
    same = identity.distances(a, b)
    other = identity.distances(a, np.roll(b, 1, axis=0))
    # Both kinds of pairs over 240 test pairs: 94 % right at 0.6, 96 % at 0.65.
    assert (same < identity.SAME_PERSON).mean() >= 0.8
    assert (other >= identity.SAME_PERSON).mean() >= 0.9


@needs_celeba
def test_faces_of_the_test_split_are_whole_frames_with_all_labels() -> None:
    faces = frames.load_faces(f"celeba:{DATA / 'celeba'}", 12, 0)
    assert faces.labels.shape == (12, 40)
    assert {f.shape for f in faces.frames} == {(218, 178, 3)}
    assert {f.dtype for f in faces.frames} == {np.dtype(np.uint8)}
    assert faces.column("Male").shape == (12,)


@needs_celeba
def test_figures_of_the_valid_split_stay_out_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = f"celeba:{DATA / 'celeba'}"
    result = report.evaluate("attribute_judge.celeba", data, n=12, split="valid", device="cpu")
    assert (result["split"], result["n"]) == ("valid", 12)
    other = frames.load_faces(data, 12, 0)
    assert not np.array_equal(frames.load_faces(data, 12, 0, "valid").labels, other.labels)
    monkeypatch.setattr(results, "is_run", lambda name: True)
    results.write(result, str(tmp_path), tmp_path / "chosen.json")
    assert [p.name for p in tmp_path.iterdir()] == ["chosen.json"]


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("attribute_judge.celeba", {"split": "train"}, "--split is test or valid, got 'train'"),
        ("digit_classifier.mnist", {"split": "valid"}, "--split is for faces of CelebA"),
        (
            "face_parser.celebamask_hq",
            {"judge": "hair_judge.celeba"},
            "--judge, --hair-judge and --real are for models that",
        ),
        ("gan_r1.mnist", {}, "is of kind sample; `imgedit evaluate drawn` measures it"),
        ("cycle_vae.mnist", {}, "is of kind swap; `imgedit evaluate codes` measures it"),
        ("mtcnn.facenet", {}, "is of kind detect; `imgedit evaluate faces` measures models that"),
    ],
)
def test_what_a_model_cannot_be_asked_is_refused(model: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        report.evaluate(model, "celeba:x", **options)


def test_accuracy_of_a_digit_classifier_is_what_the_bundled_one_says_of_itself() -> None:
    if not (DATA / "mnist").is_dir():
        pytest.skip("needs IMGEDIT_DATA with mnist")
    result = report.evaluate("digit_classifier.mnist", f"mnist:{DATA / 'mnist'}", device="cpu")
    stated = library.find("digit_classifier.mnist").manifest.metrics
    assert result["n"] == 10_000
    assert result["metrics"]["accuracy"] == pytest.approx(stated["accuracy"], abs=5e-4)
    assert result["metrics"]["accuracy"] > 0.99
    labels: NDArray[np.int64] = np.bincount(start.load_data(f"mnist:{DATA / 'mnist'}", "test", {}).specified)
    of_class = np.array(list(result["metrics"]["of_class"].values()))
    assert (of_class * labels).sum() / labels.sum() == pytest.approx(result["metrics"]["accuracy"], abs=1e-9)


def test_recall_tells_what_accuracy_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(Judge):
        def probabilities(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
            found = super().probabilities(frames)
            found[:, 4] = 0.0
            return found

    monkeypatch.setattr(recognition, "FaceClassifier", lambda model, device: Blind())
    faces = painted(16)
    rare = np.arange(16) == 3  # one smile in sixteen
    faces.labels[:, 4] = rare
    model: Any = None
    metrics = recognition.classification(model, faces)
    assert metrics["accuracy"]["Smiling"] == pytest.approx(15 / 16)
    assert metrics["recall"]["Smiling"] == 0.0
    assert metrics["recall"]["Male"] == 1.0


def test_a_classifier_of_digits_is_not_measured_on_people(monkeypatch: pytest.MonkeyPatch) -> None:
    people = Grouped(np.zeros((4, 28, 28, 1), np.uint8), np.array([0, 0, 1, 1]), ("anna", "ben"))
    monkeypatch.setattr(start, "load_data", lambda *args: people)
    with pytest.raises(ConfigError, match=r"tells 0, 1, .* 9 apart, which umist:x does not"):
        recognition.classes(library.find("digit_classifier.mnist"), "umist:x", 10, 0, "cpu")


@dataclass(frozen=True)
class ByColour:
    """A judge to whom a picture is what its mean colour is nearest to, `colours` in the order of `HAIR`."""

    id: str
    colours: tuple[int, ...]
    attributes: tuple[str, ...] = HAIR

    def probabilities(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
        means = np.array([[frame.mean() for _ in self.colours] for frame in frames])
        return np.asarray(-np.abs(means - np.array(self.colours)), np.float32)

    def column(self, attribute: str) -> int:
        return self.attributes.index(attribute)


def test_grey_hair_is_told_by_group_given_and_real_by_each_judge() -> None:
    plain = [np.full((4, 4, 3), value, np.uint8) for value in (10, 200, 150, 150)]
    labels = np.zeros((4, 6), bool)
    labels[[0, 1, 2, 3], [0, 1, 3, 3]] = True  # black, blond, grey, grey
    labels[:, 4] = [True, False, True, False]  # men
    labels[:, 5] = [True, True, False, False]  # young
    faces = frames.Faces(plain, labels, (*HAIR, "Male", "Young"))
    right, wrong = ByColour("right", (10, 200, 80, 150)), ByColour("wrong", (10, 150, 80, 200))
    by = attributes._Measurement(
        editor=None, faces=faces, before=None, judge=right, hair_judge=right, hair=list(HAIR),  # type: ignore[arg-type]
        has_hair=None, has_clear_hair=None, people=None, other_judge=wrong,  # type: ignore[arg-type]
        verdicts={"Gray_Hair": {"right": np.array([True, True, False, True]), "wrong": np.zeros(4, bool)}},
    )  # fmt: skip
    rows = attributes._grey(by, {"more": faces})
    given = {row["group"]: row["share"] for row in rows if row["hair"] == "given"}
    assert given["older men"] == {"right": 0.0, "wrong": 0.0}
    assert given["young men"] == {"right": 1.0, "wrong": 0.0}
    real = [row for row in rows if row["hair"] == "real, celeba"]
    assert [(row["group"], row["n"], row["share"]) for row in real] == [
        ("older women", 1, {"right": 1.0, "wrong": 0.0}),
        ("older men", 1, {"right": 1.0, "wrong": 0.0}),
    ]
    assert [row["share"] for row in rows if row["hair"] == "real, more"] == [row["share"] for row in real]
    told = {"judge": "wrong", "accuracy": {"Gray_Hair": 0.25}, "grey": rows}
    result = {"model": "m", "n": 4, "split": "test", "data": "celeba", "seed": 0, "metrics": {}, "other_judge": told}
    text = layout.markdown(report.blocks(result))
    for figure in ("accuracy by wrong, %", "25.0", "grey to right, %", "real, more", "older women"):
        assert figure in text


def test_real_hair_is_asked_of_models_of_hair_alone() -> None:
    with pytest.raises(ConfigError, match="--real are for models that edit"):
        report.evaluate("hair_judge.celeba", "celeba:x", real="utkface_hair:x")
    with pytest.raises(ConfigError, match="models of hair colours"):
        report.evaluate("drawn_glasses.vectors", "celeba:x", real="utkface_hair:x")
