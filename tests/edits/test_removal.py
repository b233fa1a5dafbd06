"""Glasses are taken off by word: by a model whose painter is a white bar across the eyes, on the bundled portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import imgedit
from imgedit import photo as photos
from imgedit.edits import outputs, translate
from imgedit.edits.plan import assign
from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.manifest import Crop, GraphFile, Manifest, Word
from imgedit.render.removal import Removal
from imgedit.vision import mesh
from imgedit.vision.subject import Subject

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
SIZE = (32, 64)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("models") / "remover.test"
    folder.mkdir()
    mask = np.zeros((1, 1, *SIZE), np.float32)
    mask[:, :, 10:18] = 1.0
    constants = {"zero": np.zeros(1), "one": np.ones(1), "bar": mask, "none": np.zeros((1, 1, 1, 1))}
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value, np.float32)))
        for name, value in constants.items()
    ]
    nodes += [
        helper.make_node("Mul", ["image", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "one"], ["image_out"]),
        helper.make_node("Add", ["bar", "none"], ["mask"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, *SIZE))
    out = [
        helper.make_tensor_value_info("image_out", TensorProto.FLOAT, (1, 3, *SIZE)),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, (1, 1, *SIZE)),
    ]
    graph = helper.make_model(
        helper.make_graph(nodes, "remover", [image], out), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(graph, folder / "translate.onnx")
    Manifest(
        id="remover.test", version="1.0.0", title="A bar", method="glasses_remover", kind="translate",
        graphs={"translate": GraphFile.of(folder / "translate.onnx")}, crop=Crop("none", *SIZE), output="removal",
        attributes=("Eyeglasses",), words={"eyeglasses": Word({"Eyeglasses": 1.0}, also=("glasses",))},
        conditioning="target", licence="MIT", commercial_use=True,
    ).write(folder)  # fmt: skip
    return library.load(folder)


@pytest.fixture(scope="module")
def editor(model: Model) -> imgedit.Editor:
    return imgedit.Editor([model], "cpu", mark=False)


@pytest.fixture(scope="module")
def worn() -> np.ndarray:
    drawing = imgedit.open_model("drawn_glasses.vectors", "cpu", mark=False)
    return drawing.translate_photo(photos.read(PORTRAIT), "square-glasses").photo.rgb


def test_what_the_model_says_is_painted_around_the_eyes_and_the_rest_is_kept(
    editor: imgedit.Editor, worn: np.ndarray
) -> None:
    off = editor.translate_photo(photos.read(worn), "no-glasses", force=True).photo.rgb
    rows, columns = np.nonzero((off != worn).any(2))
    assert 60 < rows.min() < rows.max() < 150
    assert 150 < columns.min() < columns.max() < 300
    assert off[rows, columns].mean() > worn[rows, columns].mean() + 30


def test_a_face_without_glasses_is_left_alone() -> None:
    photo = photos.read(PORTRAIT)
    result = imgedit.open_model(device="cpu", mark=False).translate_photo(photo, "no-eyeglasses")
    np.testing.assert_array_equal(result.photo.rgb, photo.rgb)
    assert any("wears nothing that 'no-eyeglasses' could take off" in text for text in result.warnings)
    assert not any("an experimental word" in text for text in result.warnings)


def test_the_bundled_model_takes_drawn_glasses_off(worn: np.ndarray) -> None:
    photo = photos.read(PORTRAIT)
    off = imgedit.open_model(device="cpu", mark=False).translate_photo(photos.read(worn), "no-eyeglasses").photo.rgb
    where = np.abs(worn.astype(int) - photo.rgb).max(2) > 25
    assert where.sum() > 300
    before, after = (np.abs(one.astype(int) - photo.rgb)[where].mean() for one in (worn, off))
    assert after < 0.3 * before


def test_what_is_seen_is_a_share_of_the_window(model: Model, worn: np.ndarray) -> None:
    points = mesh.template().points * 6.0 + [280.0, 120.0, 0.0]

    def take(crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mask = np.zeros(SIZE, np.float32)
        mask[16:24, :32] = 1.0
        return crop, mask

    share = Removal(points, take, SIZE, "all").share_of(worn)
    assert 0.0 < share <= 8 * 32 / (SIZE[0] * SIZE[1])


def test_behind_dark_glasses_nothing_is_invented_unless_it_is_asked_for(
    editor: imgedit.Editor, worn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "lightness_of_lenses", lambda rgb, points: 0.3)
    photo = photos.read(worn)
    result = editor.translate_photo(photo, "no-eyeglasses")
    np.testing.assert_array_equal(result.photo.rgb, worn)
    assert any("dark glasses, behind which the eyes are not seen" in text for text in result.warnings)
    forced = editor.translate_photo(photo, "no-eyeglasses", force=True)
    assert (forced.photo.rgb != worn).any()


def test_a_face_without_a_mesh_keeps_its_glasses_and_the_user_is_told(
    editor: imgedit.Editor, worn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Subject, "mesh", None)
    result = editor.translate_photo(photos.read(worn), "no-eyeglasses", force=True)
    np.testing.assert_array_equal(result.photo.rgb, worn)
    assert any("keeps its glasses: no face mesh fits it" in text for text in result.warnings)


def test_what_takes_glasses_off_cannot_put_them_on(model: Model) -> None:
    assert assign({"no-eyeglasses": 1.0}, [model])[0].model.id == "remover.test"
    with pytest.raises(ConfigError, match=r"'eyeglasses' cannot be done: remover\.test takes eyeglasses away"):
        translate.prepare("eyeglasses", [model])
