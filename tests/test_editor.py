from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgedit
from imgedit import errors, photo
from imgedit.editor import Editor, align
from imgedit.models.library import load
from imgedit.vision import hair
from imgedit.vision.faces import Face
from imgedit.vision.geometry import FACE_TEMPLATE, apply, crop_matrix, invert
from tests import toy_models as models

BARE = {"Wearing_Hat": 0.1, "Bald": 0.1}
PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"


def face_at(x: float, y: float, scale: float, angle: float = 0.0) -> Face:
    """A face whose CelebA frame is scaled, turned (radians) and moved so that its origin is at x, y."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = FACE_TEMPLATE @ turn.T * scale + (x, y)
    return Face(np.array([x, y, x + 178 * scale, y + 218 * scale], np.float32), points.astype(np.float32), 0.99)


def scene(faces: list[Face], size: tuple[int, int] = (400, 500), ground: int = 180) -> np.ndarray:
    """A light ground with a dark patch of hair above the eyes of every face."""
    rgb = np.full((*size, 3), ground, np.uint8)
    rgb[:8, :8] = (90, 60, 30)  # a photo with colours
    for face in faces:
        (x0, y0), (x1, _) = face.landmarks[0], face.landmarks[1]
        d = x1 - x0
        rgb[int(y0 - 1.4 * d) : int(y0 - 0.6 * d), int(x0 - 0.3 * d) : int(x1 + 0.3 * d)] = 30
    return rgb


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    parser = models.parser(tmp_path / "parser", size=192)
    classifier = models.classifier(tmp_path / "classifier", {"Eyeglasses": 0.1, "Smiling": 0.2, **BARE})
    translate = [models.hair(tmp_path / "hair"), models.face(tmp_path / "face")]
    return Editor(translate, "cpu", parser=str(parser.folder), classifier=str(classifier.folder))


@pytest.fixture
def two_faces(monkeypatch: pytest.MonkeyPatch) -> list[Face]:
    found = [face_at(20, 60, 1.0), face_at(290, 100, 0.9, 0.1)]
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: found)
    return found


def test_hair_takes_the_grids_colour_and_everything_else_stays_bit_identical(editor, two_faces):
    rgb = scene(two_faces)
    out = editor.translate(rgb, "blond")
    hair = (rgb == 30).all(2)
    want = np.rint((np.array(models.COLOURS["Blond_Hair"]) + 1) * 127.5)
    np.testing.assert_allclose(
        out[~_grown(~hair, 5)].astype(float), np.broadcast_to(want, out.shape)[~_grown(~hair, 5)], atol=2
    )
    assert np.abs(out[hair] - want).mean() < 6
    far = ~_grown(hair, 25)
    np.testing.assert_array_equal(out[far], rgb[far])


def test_strength_scales_the_change_and_zero_gives_the_photo_back(editor, two_faces):
    rgb = scene(two_faces)
    full = editor.translate(rgb, "blond").astype(float) - rgb
    half = editor.translate(rgb, "blond", strength=0.5).astype(float) - rgb
    np.testing.assert_allclose(half, full / 2, atol=1.0)
    np.testing.assert_array_equal(editor.translate(rgb, "blond=0.5").astype(float) - rgb, half)
    for words, strength in (("blond", 0.0), ("blond=0", 1.0), (["smiling=0", "blond=0"], 1.0)):
        np.testing.assert_array_equal(editor.translate(rgb, words, strength=strength), rgb)


def test_only_the_chosen_face_changes(editor, two_faces):
    rgb = scene(two_faces)
    left = (editor.translate(rgb, "blond", face="left") != rgb).any(2)
    right = (editor.translate(rgb, "blond", face="right") != rgb).any(2)
    assert left[:, :220].any()
    assert not left[:, 300:].any()
    assert right[:, 300:].any()
    assert not right[:, :220].any()


def test_hair_of_a_neighbour_close_by_stays_with_the_neighbour(editor, monkeypatch):
    close = [face_at(60, 60, 1.0), face_at(160, 60, 1.0)]
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: close)
    rgb = scene(close)
    change = np.abs(editor.translate(rgb, "blond", face=0).astype(float) - rgb).mean(2)
    own, other = (tuple(face.landmarks[:2].mean(0).round().astype(int) - np.array([0, 40])) for face in close)
    assert change[own[1], own[0]] > 100
    assert change[other[1], other[0]] < 5


def test_an_image_edit_adds_its_delta_inside_a_feathered_window(editor, monkeypatch):
    face = face_at(100, 80, 1.0)
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: [face])
    noise = np.random.default_rng(0).integers(120, 136, (400, 400, 3))
    rgb = (noise + np.array([40, 20, 0])).astype(np.uint8)
    change = editor.translate(rgb, "smiling").astype(int) - rgb
    middle = tuple(np.round(apply(invert(crop_matrix(face.landmarks, "face", 64)), np.array([31.5, 31.5]))).astype(int))
    around = change[middle[1] - 30 : middle[1] + 30, middle[0] - 30 : middle[0] + 30]
    np.testing.assert_allclose(around[..., 0], 25.5, atol=0.6)  # 0.2 in [-1, 1]
    np.testing.assert_array_equal(around[..., 1:], 0)
    assert np.abs(np.diff(change[..., 0], axis=0)).max() <= 5, "a seam"
    assert np.abs(np.diff(change[..., 0], axis=1)).max() <= 5, "a seam"


def test_models_see_red_green_blue_in_this_order(tmp_path, editor, monkeypatch):
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: [face_at(100, 80, 1.0)])
    model = models.face(tmp_path / "gain", change=dict.fromkeys(models.FACE, (0, 0, 0)), gain=(0.5, 1.0, 1.0))
    other = Editor([model], "cpu", parser=str(editor.parser.folder), classifier=str(editor.classifier.folder))
    rgb = np.full((400, 400, 3), (200, 150, 100), np.uint8)
    np.testing.assert_allclose(other.translate(rgb, "smiling")[189, 189], (127.5 + 72.5 / 2, 150, 100), atol=1)


def test_a_negated_word_undoes_what_the_classifier_sees(tmp_path, editor, monkeypatch):
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: [face_at(100, 80, 1.0)])
    rgb = np.full((400, 400, 3), 128, np.uint8)
    seen = models.classifier(tmp_path / "other", {"Smiling": 0.9, "Eyeglasses": 0.9, **BARE})
    other = Editor(editor.models, "cpu", parser=str(editor.parser.folder), classifier=str(seen.folder))
    # This model adds a colour for every attribute that is set, so the other attribute of the face shows too.
    x, y = 189, 189
    assert tuple(other.translate(rgb, "no-smiling")[y, x].astype(int) - 128) == pytest.approx((-26, -26, -26), abs=1)
    with pytest.warns(errors.EditWarning, match="so already: 'no-smiling' changes little"):
        left = editor.translate(rgb, "no-smiling")
    assert tuple(left[y, x].astype(int) - 128) == pytest.approx((0, 0, 0), abs=1)


def test_hair_that_has_the_colour_stays_as_it_is_and_the_user_is_told(tmp_path, editor, two_faces):
    before = photo.read(scene(two_faces))
    others = dict.fromkeys(("Black_Hair", "Brown_Hair", "Gray_Hair"), 0.05)
    results = {}
    for blond in (0.92, 0.7, 0.4, 0.55):
        seen = models.classifier(tmp_path / str(blond), {"Blond_Hair": blond, **others, **BARE})
        other = Editor(editor.models, "cpu", parser=str(editor.parser.folder), classifier=str(seen.folder))
        results[blond] = other.translate_photo(before, "blond", face=0)

    def editor_of(folder):
        return Editor(editor.models, "cpu", parser=str(editor.parser.folder), classifier=str(folder))

    certain, unsure, doubting, _ = (np.abs(r.photo.rgb.astype(int) - before.rgb).sum() for r in results.values())
    assert certain == 0
    assert unsure == pytest.approx(doubting / 2, rel=0.05)
    assert [len(r.warnings) for r in results.values()] == [1, 1, 0, 0]
    assert "so already: 'blond' changes nothing (0.92)" in results[0.92].warnings[0]
    assert "so already: 'blond' changes little (0.70)" in results[0.7].warnings[0]
    forced = {name: editor_of(tmp_path / str(name)).translate_photo(before, "blond", face=0, force=True)
              for name in (0.92, 0.4)}  # fmt: skip
    np.testing.assert_array_equal(forced[0.92].photo.rgb, results[0.4].photo.rgb)
    np.testing.assert_array_equal(forced[0.4].photo.rgb, results[0.4].photo.rgb)
    assert forced[0.92].warnings == []


def test_what_the_classifier_does_not_see_is_taken_away_by_force_and_not_silently_left(tmp_path, editor, two_faces):
    before = photo.read(scene(two_faces))
    seen = models.classifier(tmp_path / "seen", {"Smiling": 0.1, "Eyeglasses": 0.31, **BARE})
    (model,) = (m for m in editor.models if "eyeglasses" in m.manifest.words)
    told = dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, conditioning="difference"))
    other = Editor([told], "cpu", parser=str(editor.parser.folder), classifier=str(seen.folder))
    left = other.translate_photo(before, "no-eyeglasses", face=0)
    np.testing.assert_array_equal(left.photo.rgb, before.rgb)
    assert "so already: 'no-eyeglasses' changes nothing (0.69); use force=True to do it fully" in left.warnings[0]
    words = {word: dataclasses.replace(entry, quality="experimental") for word, entry in told.manifest.words.items()}
    other.models = [dataclasses.replace(told, manifest=dataclasses.replace(told.manifest, words=words))]
    assert other.translate_photo(before, "no-eyeglasses", face=0).warnings == left.warnings  # nothing to look at
    other.models = [told]
    taken = other.translate_photo(before, "no-eyeglasses", face=0, force=True)
    assert np.abs(taken.photo.rgb.astype(int) - before.rgb).max() > 10
    assert taken.warnings == []


def test_a_small_doubtful_face_is_left_as_it_is_and_the_user_is_told(editor, two_faces, monkeypatch):
    pattern = dataclasses.replace(face_at(10, 330, 0.1), score=0.8)
    found = [*two_faces, pattern]
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: found)
    result = editor.translate_photo(photo.read(scene(two_faces)), "blond")
    assert result.edited == two_faces
    assert result.faces == found
    assert result.warnings == [f"{pattern} is small and may be none (0.80); choose it by its number to edit it"]
    assert editor.translate_photo(photo.read(scene(two_faces)), "blond", face=2).edited == [pattern]


def test_an_experimental_word_says_so(tmp_path, editor, two_faces):
    manifest = editor.models[0].manifest
    word = next(iter(manifest.words))
    words = {**manifest.words, word: dataclasses.replace(manifest.words[word], quality="experimental")}
    unsure = dataclasses.replace(editor.models[0], manifest=dataclasses.replace(manifest, words=words))
    other = Editor([unsure], "cpu", parser=str(editor.parser.folder), classifier=str(editor.classifier.folder))
    result = other.translate_photo(photo.read(scene(two_faces)), word, face=0)
    assert f"gets {word!r}, an experimental word" in result.warnings[-1]


def test_shape_words_and_colour_words_of_two_models_work_in_one_call(editor, two_faces):
    rgb = scene(two_faces)
    both = editor.translate(rgb, ["blond", "smiling"])
    hair = (rgb == 30).all(2)
    want = np.rint((np.array(models.COLOURS["Blond_Hair"]) + 1) * 127.5)
    core = ~_grown(~hair, 5)
    want += np.array([25.5, 0, 0])  # what is drawn comes upon what is dyed
    np.testing.assert_allclose(both[core].astype(float), np.broadcast_to(want, both.shape)[core], atol=3)
    nose = two_faces[0].landmarks[2].round().astype(int)
    np.testing.assert_allclose(both[nose[1], nose[0]].astype(float), (180 + 25.5, 180, 180), atol=1)


def test_bangs_are_the_faces_own_hair_moved_down(tmp_path, editor, monkeypatch):
    face = face_at(100, 80, 1.5)
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: [face])
    rgb = scene([face], size=(600, 500))
    hair = (rgb == 30).all(2)
    rgb[hair] += np.random.default_rng(0).integers(0, 20, (int(hair.sum()), 3)).astype(np.uint8)  # strands
    classifier = models.classifier(tmp_path / "plain", {"Bangs": 0.1, **BARE})
    model = models.bangs(tmp_path / "bangs", rise=50 / (178 * 1.5))
    mover = Editor([model], "cpu", parser=str(editor.parser.folder), classifier=str(classifier.folder))
    out = mover.translate(rgb, "bangs")
    moved_hair = np.roll(hair, 50, 0)
    inside = ~_grown(~moved_hair, 8)
    assert inside.sum() > 2000
    shifted = np.roll(rgb, 50, 0)
    assert np.abs(out[inside].astype(int) - shifted[inside]).mean() < 2
    far = ~_grown(moved_hair, 25)
    np.testing.assert_array_equal(out[far], rgb[far])
    with pytest.warns(errors.EditWarning, match="so already: 'no-bangs' changes nothing"):
        np.testing.assert_array_equal(mover.translate(rgb, "no-bangs"), rgb)
    for why, attribute in (("bald", "Bald"), ("a hat", "Wearing_Hat")):
        bare = models.classifier(tmp_path / attribute, {"Bangs": 0.1, **BARE, attribute: 0.9})
        mover = Editor([model], "cpu", parser=str(editor.parser.folder), classifier=str(bare.folder))
        result = mover.translate_photo(photo.read(rgb), "bangs")
        np.testing.assert_array_equal(result.photo.rgb, rgb)
        assert f"{why}, so there is no hair to move" in result.warnings[0]


def test_a_hat_is_not_dyed(tmp_path, editor, monkeypatch):
    face = face_at(100, 80, 1.5)
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: [face])
    rgb = scene([face], size=(600, 500))
    row = int(face.landmarks[0][1]) - round((112 - 60) * 1.5)
    below = int(face.landmarks[0][1]) - round((112 - 85) * 1.5)
    rgb[row - 10 : below + 10, 200:260] = 30
    for probability, dyed in ((0.6, False), (0.4, True)):
        worn = models.classifier(tmp_path / f"worn{probability}", {"Wearing_Hat": probability})
        names = str(editor.parser.folder), str(worn.folder)
        result = Editor(editor.models, "cpu", parser=names[0], classifier=names[1]).translate_photo(
            photo.read(rgb), "blond"
        )
        out = result.photo.rgb
        assert (out[below, 230] != rgb[below, 230]).any()
        assert (out[row, 230] != rgb[row, 230]).any() == dyed
        assert [w for w in result.warnings if "wear a hat" in w] == ([] if dyed else result.warnings[:1])


@pytest.mark.parametrize("angle", [0.0, 0.5, -2.0])
def test_a_turned_face_is_edited_where_its_hair_is(editor, monkeypatch, angle):
    face = face_at(250, 250, 0.8, angle)
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: [face])
    rgb = np.full((600, 600, 3), (200, 180, 160), np.uint8)
    x, y = apply(invert(crop_matrix(face.landmarks, "head", 240)), np.array([120.0, 60.0])).round().astype(int)
    rgb[y - 12 : y + 13, x - 12 : x + 13] = 20
    out = editor.translate(rgb, "brown-hair")
    want = np.rint((np.array(models.COLOURS["Brown_Hair"]) + 1) * 127.5)
    np.testing.assert_allclose(out[y, x], want, atol=1)
    np.testing.assert_array_equal(out[:60], rgb[:60])


def test_what_goes_in_comes_out_in_kind(editor, two_faces):
    rgb = scene(two_faces)
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 77, np.uint8)])
    out = editor.translate(rgba, "blond")
    assert out.shape == rgba.shape
    np.testing.assert_array_equal(out[..., 3], 77)
    image = editor.translate(Image.fromarray(rgb), "blond")
    assert isinstance(image, Image.Image)
    np.testing.assert_array_equal(np.asarray(image), out[..., :3])


def test_a_path_gives_the_path_of_the_file_written(editor, two_faces, tmp_path):
    rgb = scene(two_faces)
    source = tmp_path / "photo.png"
    Image.fromarray(rgb).save(source)
    written = editor.translate(source, "blond")
    assert written == tmp_path / "photo.blond.png"
    np.testing.assert_array_equal(photo.read(written).rgb, editor.translate(rgb, "blond"))
    with pytest.raises(errors.OutputError, match="exists"):
        editor.translate(str(source), "blond")
    assert editor.translate(source, "blond", overwrite=True) == written
    assert editor.translate(source, "blond", out=tmp_path / "out.png") == tmp_path / "out.png"
    crop = photo.read(editor.translate(source, "blond", crop_only=True, out=tmp_path / "crop.png"))
    assert crop.height == crop.width
    with pytest.raises(errors.ConfigError, match="out names the file"):
        editor.translate(rgb, "blond", out=tmp_path / "array.png")


def test_a_graph_without_the_output_it_should_have_is_a_model_error(editor, two_faces):
    folder = editor.models[0].folder
    (folder / "guide.onnx").write_bytes((editor.parser.folder / "parse.onnx").read_bytes())
    described = imgedit.models.manifest.GraphFile.of(folder / "guide.onnx")
    data = json.loads((folder / "manifest.json").read_text())
    data["graphs"]["guide"] = {"file": "guide.onnx", "sha256": described.sha256, "bytes": described.bytes}
    (folder / "manifest.json").write_text(json.dumps(data))
    other = Editor([load(folder)], "cpu", parser=str(editor.parser.folder))
    with pytest.raises(errors.ModelError, match="has outputs"):
        other.translate(scene(two_faces), "blond")


def test_little_hair_is_a_warning_not_an_error(tmp_path, editor, two_faces):
    bald = models.parser(tmp_path / "bald", logits=(0.0, 20.0, -20.0, 0.0))
    other = Editor(editor.models, "cpu", parser=str(bald.folder), classifier=str(editor.classifier.folder))
    rgb = scene(two_faces)
    result = other.translate_photo(photo.read(rgb), "blond")
    assert len(result.warnings) == 2
    assert "hardly any hair" in result.warnings[0]
    np.testing.assert_array_equal(result.photo.rgb, rgb)


@pytest.mark.parametrize(("unsure", "is_warned"), [(0.9, False), (1.1, True)])
def test_hair_that_can_hardly_be_told_from_the_rest_is_warned_of(editor, two_faces, unsure, is_warned, monkeypatch):
    probability = np.zeros((len(models.CLASSES), 192, 192), np.float32)
    probability[2, :60] = 1.0
    probability[2, 60 : 60 + round(60 * unsure)] = 0.4
    monkeypatch.setattr("imgedit.vision.subject.Subject.parsed", lambda subject, down=0: probability)
    result = editor.translate_photo(photo.read(scene(two_faces)), "blond", face="largest")
    assert any("can hardly be told from the rest" in text for text in result.warnings) is is_warned


def test_hair_beyond_the_photo_is_not_counted_as_hair(editor, monkeypatch):
    face = face_at(100, -80, 1.0)
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: [face])
    shape = (len(models.CLASSES), 192, 192)
    upper = np.zeros(shape, np.float32)
    upper[2, : 192 // 5] = 1.0  # hair in the upper fifth of the crop, which lies above the photo
    monkeypatch.setattr("imgedit.vision.subject.Subject.parsed", lambda subject, down=0: upper)
    result = editor.translate_photo(photo.read(scene([face])), "blond")
    np.testing.assert_array_equal(result.photo.rgb, scene([face]))
    assert "hardly any hair" in result.warnings[0]


def test_a_photo_without_a_face_raises_and_says_what_was_tried(editor):
    with pytest.raises(errors.NoFaceError, match="300x200 px"):
        editor.translate(np.full((200, 300, 3), 128, np.uint8), "blond")


def test_a_small_face_in_a_large_photo_is_edited(editor):
    portrait = Image.open(PORTRAIT).resize((300, 300), Image.Resampling.LANCZOS)
    rgb = np.full((2000, 6000, 3), 120, np.uint8)
    rgb[900:1200, 4000:4300] = np.asarray(portrait)
    out = editor.translate(rgb, "blond")
    y, x = np.nonzero((out != rgb).any(2))
    assert len(y)
    assert 900 <= y.min() < y.max() < 1200
    assert 4000 <= x.min() < x.max() < 4300


def test_a_parser_is_refused_as_an_editing_model(tmp_path):
    model = models.parser(tmp_path / "parser")
    with pytest.raises(errors.ModelError, match="not to translate"):
        imgedit.open_model(model.folder)


def test_the_portrait_keeps_every_pixel_outside_the_hair(editor):
    rgb = photo.read(PORTRAIT).rgb
    out = editor.translate(rgb, "blond")
    changed = (out != rgb).any(2)
    assert changed.any()
    face = editor.faces(photo.read(rgb))[0]
    inside = np.zeros_like(changed)
    lowest = 63.5 + hair.STEP * 64  # where a second look at long hair ends
    corners = apply(invert(crop_matrix(face.landmarks, "head", 64)), np.array([[-0.5, -0.5], [63.5, lowest]]))
    x0, y0 = np.floor(corners.min(0) - 20).astype(int).clip(0)
    x1, y1 = np.ceil(corners.max(0) + 20).astype(int)
    inside[y0:y1, x0:x1] = True
    assert not (changed & ~inside).any()


def test_the_crop_of_a_face_has_its_eyes_where_celeba_has_them():
    source = photo.read(PORTRAIT)
    found = imgedit.detect(source.rgb)
    again = imgedit.detect(align(source, found[0], "face", 178))
    np.testing.assert_allclose(again[0].landmarks, FACE_TEMPLATE - np.array([0, 20]), atol=8)


def test_alpha_survives_in_every_kind_that_a_photo_may_have(editor, two_faces, tmp_path):
    rgb = scene(two_faces)
    alpha = np.random.default_rng(0).integers(1, 255, rgb.shape[:2]).astype(np.uint8)
    rgba = np.dstack([rgb, alpha])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    want = editor.translate(rgb, "blond")
    array = editor.translate(rgba, "blond")
    image = np.asarray(editor.translate(Image.fromarray(rgba), "blond"))
    written = np.asarray(Image.open(editor.translate(tmp_path / "a.png", "blond")))
    direct = editor.translate_photo(photo.read(rgba), "blond").photo
    for edited in (array, image, written, np.dstack([direct.rgb, direct.alpha])):
        np.testing.assert_array_equal(edited[..., 3], alpha)
        np.testing.assert_array_equal(edited[..., :3], want)
    assert editor.translate(rgba, "blond", crop_only=True).shape[2] == 3


def test_an_unknown_word_is_said_before_a_file_is_named_or_looked_for(editor, tmp_path):
    for words in ("a/b", "..", "x" * 5000):
        with pytest.raises(errors.UnknownWordError):
            editor.translate(tmp_path / "no" / "photo.jpg", words)
        with pytest.raises(errors.UnknownWordError):
            editor.translate_file(tmp_path / "no" / "photo.jpg", words)


def test_python_callers_are_warned_at_their_own_line(tmp_path, editor, two_faces):
    rgb = scene(two_faces)
    seen = models.classifier(tmp_path / "seen", {"Smiling": 0.95, "Eyeglasses": 0.1})
    other = Editor(editor.models, "cpu", parser=str(editor.parser.folder), classifier=str(seen.folder))
    for given in (rgb, Image.fromarray(rgb)):
        with pytest.warns(errors.EditWarning, match="so already: 'smiling' changes nothing") as caught:
            out = other.translate(given, "smiling")
        assert [Path(w.filename).name for w in caught] == [Path(__file__).name] * 2
        np.testing.assert_array_equal(np.asarray(out), rgb)
    result = other.translate_photo(photo.read(rgb), ["smiling"])
    assert len(result.warnings) == 2


def test_a_classifier_that_does_not_know_a_guards_attribute_is_no_silent_yes(tmp_path, editor, two_faces):
    seen = models.classifier(tmp_path / "seen", {"Smiling": 0.1, "Eyeglasses": 0.1})
    other = Editor(editor.models, "cpu", parser=str(editor.parser.folder), classifier=str(seen.folder))
    result = other.translate_photo(photo.read(scene(two_faces)), "blond", face=0)
    assert result.warnings == [
        f"{two_faces[0]} cannot be checked for Wearing_Hat, so 'blond' is carried out in any case"
    ]


def test_prepare_run_and_apply_are_translate_in_three_steps_and_leave_the_photo_alone(editor, two_faces):
    from imgedit.edits import translate

    rgb = scene(two_faces)
    source = photo.read(rgb.copy())
    prepared = editor.prepare(source, "all")
    for words in ({"blond": 1.0}, {"smiling": 0.5, "blond": 0.3}):
        found = editor.run(prepared, translate.prepare(words, editor.models))
        np.testing.assert_array_equal(editor.apply(source, found).rgb, editor.translate(rgb, words))
    np.testing.assert_array_equal(source.rgb, rgb)


def test_an_edit_is_any_plan(editor, two_faces):
    class Brighter:
        """Makes what is all of the window brighter."""

        names = ("brighter",)
        description = "brighter"
        models = ()

        def changes(self, subject, warn):
            from imgedit.models.manifest import Crop
            from imgedit.render.delta import Delta

            warn("looks pale")
            return [Delta(np.full((64, 64, 3), 0.2, np.float32), Crop("face", 64, 64), "all")]

    rgb = np.full((400, 500, 3), 100, np.uint8)
    with pytest.warns(errors.EditWarning, match="the face at 109, 197 looks pale"):
        out = editor.carry_out(rgb, Brighter(), face=0)
    assert out.max() == pytest.approx(125.5, abs=0.51)
    np.testing.assert_array_equal(out[:, 400:], rgb[:, 400:])


def test_an_edited_photo_says_so_in_its_metadata_unless_that_is_left_out(editor, two_faces):
    rgb = scene(two_faces)
    marked = editor.translate_photo(photo.read(rgb), {"blond": 1.0, "smiling": 0.5}).photo.metadata.xmp
    assert b"compositeWithTrainedAlgorithmicMedia" in marked
    assert b"blond, smiling=0.5" in marked
    assert b"stargan_hair.test" in marked
    assert editor.translate_photo(photo.read(rgb), "blond=0").photo.metadata.xmp is None
    editor.mark = False
    assert editor.translate_photo(photo.read(rgb), "blond").photo.metadata.xmp is None


def test_networks_see_srgb_and_the_photo_keeps_its_profile(editor, two_faces):
    from tests.photo.test_colour import profile

    rgb = scene(two_faces)
    source = photo.Photo(rgb, icc=profile("Adobe RGB"))
    result = editor.translate_photo(source, "blond").photo
    assert result.icc == source.icc
    hair = ~_grown(~(rgb == 30).all(2), 5)
    want = np.rint((np.array(models.COLOURS["Blond_Hair"]) + 1) * 127.5)
    np.testing.assert_allclose(
        photo.srgb(result)[hair].astype(float), np.broadcast_to(want, (*hair.shape, 3))[hair], atol=4
    )
    assert np.abs(result.rgb[hair] - want).max() > 5, "the profile's numbers are others"
    far = ~_grown((rgb == 30).all(2), 25)
    np.testing.assert_array_equal(result.rgb[far], rgb[far])


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    import cv2

    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0
