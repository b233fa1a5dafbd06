"""Swapping with a model in closed form: s is the mean of each channel, z what is left of every pixel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import errors, photo
from imgedit.edits import swap as swapping
from imgedit.models.library import Model
from imgedit.models.manifest import Crop
from imgedit.vision import geometry
from imgedit.vision.faces import Face
from tests import toy_models as models
from tests.cli.test_cold_start import HEAVY, loaded
from tests.command_line import app
from tests.test_editor import face_at

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
SIDE = 28


def means_and_rest(folder: Path, name: str, kind: str, channels: int, size: int, z_dim: int | None = None) -> Model:
    """`decode(s, z)` adds the means s to the residuals z; with `z_dim` 0 there is no z."""
    folder.mkdir(parents=True)
    n = channels * size * size if z_dim is None else z_dim
    image = ("N", channels, size, size)
    split = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["s"]),
        helper.make_node("Sub", ["image", "mean"], ["rest"]),
        helper.make_node("Flatten", ["rest"], ["all"]),
        helper.make_node("Slice", ["all", "from", "to", "axis"], ["z"]),
    ]
    ends = {"from": np.array([0], np.int64), "to": np.array([n], np.int64), "axis": np.array([1], np.int64)}
    models.save_graph(folder / "encode.onnx", split, {"image": image}, {"s": ("N", channels), "z": ("N", n)}, ends)
    join = [
        helper.make_node("Reshape", ["s", "s_shape"], ["mean"]),
        helper.make_node("Reshape", ["z", "z_shape"], ["rest"]),
        helper.make_node("Add", ["mean", "rest"], ["image"]),
    ]
    shapes = {"s_shape": np.array([-1, channels, 1, 1], np.int64), "z_shape": np.array([-1, *image[1:]], np.int64)}
    models.save_graph(folder / "decode.onnx", join, {"s": ("N", channels), "z": ("N", n)}, {"image": image}, shapes)
    return models.save_model(folder, id=name, kind="swap", crop=Crop(kind, size, size))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    means_and_rest(folder / "models" / "d", "means.digits", "none", 1, SIDE)
    means_and_rest(folder / "models" / "f", "means.faces", "face", 3, 32)
    models.face(folder / "models" / "t")
    return folder


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch):
    """The closed forms stand in for the bundled models."""
    monkeypatch.setenv("IMGEDIT_HOME", str(home))
    monkeypatch.setattr(swapping, "DIGITS", "means.digits")
    monkeypatch.setattr(swapping, "FACES", "means.faces")


def digit(mean: int, seed: int, side: int = SIDE) -> np.ndarray:
    """A grey picture `(side, side)` of a whole mean with a black border: light on dark, every swap a whole number."""
    picture = np.full((side, side), 0, np.int64)
    inner = picture[2:-2, 2:-2]
    total = mean * side * side
    inner[:] = total // inner.size
    inner.flat[: total - int(inner.sum())] += 1
    noise = np.random.default_rng(seed).integers(0, 20, inner.size // 2)
    inner.flat[: len(noise)] += noise
    inner.flat[-len(noise) :] -= noise
    assert picture.mean() == mean
    return picture.astype(np.uint8)


A, B = digit(60, 1), digit(40, 2)
A_MEAN_B_REST = np.clip(B.astype(int) + 20, 0, 255)
B_MEAN_A_REST = np.clip(A.astype(int) - 20, 0, 255)


def grey(rgb: np.ndarray) -> np.ndarray:
    assert (rgb == rgb[..., :1]).all()
    return rgb[..., 0].astype(int)


def save(picture: np.ndarray, path: Path) -> Path:
    Image.fromarray(picture).save(path)
    return path


def run(*args, stdin=None):
    done = CliRunner().invoke(app, ["swap", *map(str, args)], input=stdin, catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_a_swap_has_the_s_of_a_and_the_z_of_b_and_take_z_the_other_way():
    np.testing.assert_array_equal(grey(imgedit.swap(A, B)), A_MEAN_B_REST)
    np.testing.assert_array_equal(grey(imgedit.swap(A, B, take="s")), A_MEAN_B_REST)
    np.testing.assert_array_equal(grey(imgedit.swap(A, B, take="z")), B_MEAN_A_REST)


def test_a_picture_swapped_with_itself_is_what_the_model_makes_of_it():
    np.testing.assert_array_equal(grey(imgedit.swap(A, A)), A)


@pytest.mark.parametrize(
    ("take", "last"), [(None, B), ("s", A_MEAN_B_REST), ("z", B_MEAN_A_REST)], ids=["both move", "s stays", "z stays"]
)
def test_a_strip_goes_from_a_in_even_steps_and_what_is_taken_stays(take, last):
    strip = grey(imgedit.swap(A, B, steps=5, take=take))
    tiles = np.split(strip, 5, axis=1)
    np.testing.assert_array_equal(tiles[0], A)
    np.testing.assert_array_equal(tiles[-1], last)
    # The swapped ends may be clipped at black, the code between them is not: compare where nothing is.
    inside = (slice(3, -3), slice(3, -3))
    between = [A + (last.astype(float) - A) * k / 4 for k in range(5)]
    for tile, wanted in zip(tiles, between, strict=True):
        assert np.abs(tile - wanted)[inside].max() <= 0.501


def test_a_grid_has_s_from_the_top_row_and_z_from_the_left_column():
    pictures = [A, B, digit(52, 3)]
    grid = grey(imgedit.swap(*pictures, grid=True))
    gap = grid.shape[0] - 4 * SIDE
    assert grid.shape == (4 * SIDE + gap, 4 * SIDE + gap)
    starts = [0, *(SIDE + gap + SIDE * k for k in range(3))]
    cells = [[grid[y : y + SIDE, x : x + SIDE] for x in starts] for y in starts]
    assert (cells[0][0] == 255).all()
    assert (grid[SIDE : SIDE + gap] == 255).all()
    assert (grid[:, SIDE : SIDE + gap] == 255).all()
    for i, z in enumerate(pictures, start=1):
        np.testing.assert_array_equal(cells[0][i], z)
        np.testing.assert_array_equal(cells[i][0], z)
        np.testing.assert_array_equal(cells[i][i], z)  # reconstructions on the diagonal
        for j, s in enumerate(pictures, start=1):
            wanted = np.clip(z.astype(int) + round(s.mean()) - round(z.mean()), 0, 255)
            np.testing.assert_array_equal(cells[i][j], wanted)


def test_dark_on_light_is_inverted_and_light_on_dark_is_not():
    np.testing.assert_array_equal(imgedit.swap(255 - A, B), imgedit.swap(A, B))
    np.testing.assert_array_equal(imgedit.swap(255 - A, 255 - B), imgedit.swap(A, B))


def test_transparent_ground_counts_as_white():
    ink = np.zeros((SIDE, SIDE, 4), np.uint8)  # black everywhere, seen only where the digit is
    ink[..., 3] = A
    np.testing.assert_array_equal(imgedit.swap(ink, B), imgedit.swap(A, B))


def test_other_sizes_are_brought_to_the_models_on_their_own_ground():
    double = np.repeat(np.repeat(A, 2, axis=0), 2, axis=1)
    np.testing.assert_array_equal(imgedit.swap(double, B), imgedit.swap(A, B))
    narrow = np.zeros((SIDE, 14), np.uint8)
    narrow[3:-3, 3:-3] = 120
    whole = np.pad(narrow, ((0, 0), (7, 7)))
    np.testing.assert_array_equal(imgedit.swap(narrow, narrow), imgedit.swap(whole, whole))
    np.testing.assert_array_equal(imgedit.swap(255 - narrow, narrow), imgedit.swap(whole, whole))
    long = np.zeros((1, 60_000), np.uint8)
    assert imgedit.swap(long, B, model="means.digits").shape == (SIDE, SIDE, 3)


def test_what_goes_in_comes_out(tmp_path):
    a, b = save(A, tmp_path / "3.png"), save(B, tmp_path / "7.bmp")
    path = imgedit.swap(str(a), b)
    assert path == tmp_path / "3.swap.7.png"
    np.testing.assert_array_equal(grey(photo.read(path).rgb), A_MEAN_B_REST)
    image = imgedit.swap(Image.fromarray(A), Image.fromarray(B))
    assert isinstance(image, Image.Image)
    np.testing.assert_array_equal(grey(np.asarray(image)), A_MEAN_B_REST)
    array = imgedit.swap(A, b)
    assert array.dtype == np.uint8
    assert array.shape == (SIDE, SIDE, 3)
    assert imgedit.swap(a, B, out=tmp_path / "o.png") == tmp_path / "o.png"
    with pytest.raises(errors.ConfigError, match="no name"):
        imgedit.swap(a, B)
    with pytest.raises(errors.ConfigError, match="paths"):
        imgedit.swap(A, B, out=tmp_path / "p.png")
    with pytest.raises(errors.OutputError, match="exists"):
        imgedit.swap(a, tmp_path / "7.gone", take="s")  # said before anything is read


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """Two photos; the larger face of each is known, a smaller one beside it is not to be taken."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(60 + 40 * k, 90 + 40 * k, (260, 400, 3)).astype(np.uint8) for k in range(2)]

    def search(rgb: np.ndarray, **_: object) -> list[Face]:
        if rgb.shape != (260, 400, 3):
            return []
        return [face_at(250, 20, 0.5), face_at(30, 20, 1.0, 0.1)]

    monkeypatch.setattr("imgedit.vision.faces.search", search)
    return pictures[0], pictures[1]


def crop_of(picture: np.ndarray) -> np.ndarray:
    matrix = geometry.crop_matrix(face_at(30, 20, 1.0, 0.1).landmarks, "face", 32)
    return geometry.cut(picture, matrix, 32).astype(float)


def test_photos_with_faces_are_aligned_and_swapped_channel_by_channel(people):
    a, b = (crop_of(picture) for picture in people)
    swapped = imgedit.swap(*people)
    wanted = b - b.mean(axis=(0, 1)) + a.mean(axis=(0, 1))
    assert swapped.shape == (32, 32, 3)
    assert np.abs(swapped - wanted).max() <= 0.501


def test_the_model_goes_by_what_the_pictures_show(people):
    def used(*pictures: np.ndarray, **options: object) -> str:
        return swapping.swap_photos([photo.read(picture) for picture in pictures], **options).model[0]

    assert used(*people) == "means.faces"
    assert used(A, B) == "means.digits"
    assert used(*people, model="means.digits") == "means.digits"
    colour = np.dstack([A, A, B])
    large = np.zeros((65, 65), np.uint8)
    for other in (colour, large, people[0]):
        for pair in ((A, other), (other, A)):
            with pytest.raises(errors.NoFaceError, match=r"picture [12]: no face.*all pictures are grey"):
                used(*pair)
    almost = np.dstack([A, A, np.where(A > 8, A - 8, A)])  # what JPEG leaves of grey
    assert used(almost, B) == "means.digits"


def test_a_small_grey_picture_with_a_face_is_a_face(monkeypatch):
    monkeypatch.setattr("imgedit.vision.faces.search", lambda rgb, **_: [face_at(0, 0, 0.2)])
    assert swapping.swap_photos([photo.read(A), photo.read(B)]).model[0] == "means.faces"


def test_the_detector_sees_no_face_in_digits_and_one_in_a_portrait(tmp_path):
    args = ["--take", "s", "-o", tmp_path / "o.png", "--device", "cpu", "--json"]
    code, out, err = run(PORTRAIT, PORTRAIT, *args)
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["model"] == "means.faces"
    assert [len(face["landmarks"]) for face in told["faces"]] == [5, 5]
    source = photo.read(PORTRAIT)
    (found,) = imgedit.detect(source.rgb, device="cpu")
    crop = geometry.cut(source.rgb, geometry.crop_matrix(found.landmarks, "face", 32), 32)
    np.testing.assert_array_equal(photo.read(tmp_path / "o.png").rgb, crop)


def test_the_command_writes_beside_a_and_says_where(tmp_path):
    a, b = save(A, tmp_path / "Zoë 3.jpg.png"), save(B, tmp_path / "7.png")
    for args, name, width in (
        ([], "Zoë 3.jpg.swap.7.png", SIDE),
        (["--take", "z"], "Zoë 3.jpg.swap-z.7.png", SIDE),
        (["--steps", 4], "Zoë 3.jpg.steps.7.png", 4 * SIDE),
        (["--steps", 4, "--take", "s"], "Zoë 3.jpg.steps-s.7.png", 4 * SIDE),
        (["--grid"], "Zoë 3.jpg.grid.7.png", 3 * SIDE + 2),
    ):
        code, out, err = run(a, b, *args, "--device", "cpu")
        assert (code, out, err) == (0, f"{tmp_path / name}\n", "")
        assert photo.read(tmp_path / name).rgb.shape[1] == width


def test_json_tells_what_was_done(tmp_path):
    a, b = save(A, tmp_path / "3.png"), save(B, tmp_path / "7.png")
    code, out, _ = run(a, b, "--json")
    target = str(tmp_path / "3.swap.7.png")
    assert code == 0
    told = {
        "pictures": [str(a), str(b)],
        "written": target,
        "changed": True,
        "model": "means.digits",
        "faces": [None, None],
        "warnings": [],
        "device": "cpu",
        "seconds": {},
    }
    assert json.loads(out) == told


def test_existing_files_are_kept_unless_told_otherwise(tmp_path):
    a, b, out = save(A, tmp_path / "3.png"), save(B, tmp_path / "7.png"), tmp_path / "o.png"
    out.write_bytes(b"mine")
    assert run(a, b, "-o", out)[0] == 1
    assert out.read_bytes() == b"mine"
    assert run(a, b, "-o", out, "--overwrite")[0] == 0
    np.testing.assert_array_equal(grey(photo.read(out).rgb), A_MEAN_B_REST)


def test_stdin_to_stdout_is_the_picture_and_nothing_else(tmp_path):
    a, b = save(A, tmp_path / "3.png"), save(B, tmp_path / "7.png")
    args = [sys.executable, "-m", "imgedit", "swap", "-", str(b), "--model", "means.digits"]
    root = Path(imgedit.__file__).parent.parent
    done = subprocess.run(args, input=a.read_bytes(), capture_output=True, check=True, cwd=root, timeout=60)
    (tmp_path / "o.png").write_bytes(done.stdout)
    np.testing.assert_array_equal(grey(photo.read(tmp_path / "o.png").rgb), A_MEAN_B_REST)
    assert run(a, "-", stdin=b.read_bytes())[:2] == (0, f"{tmp_path / '3.swap.stdin.png'}\n")


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["a.png"], 2, "two pictures"),
        (["a.png", "b.png", "b.png"], 4, "--grid"),
        (["a.png", "b.png", "--take", "x"], 2, "s or z"),
        (["a.png", "b.png", "--steps", "1"], 2, "from 2 to 64"),
        (["a.png", "b.png", "--steps", "1000000"], 2, "from 2 to 64"),
        (["a.png", "b.png", "--grid", "--steps", "3"], 2, "leave out take and steps"),
        (["a.png", "b.png", "--grid", "--take", "z"], 2, "leave out take and steps"),
        (["a.png"] * 17 + ["--grid"], 2, "at most 16"),
        (["-", "-"], 2, "stdin"),
        (["-", "b.png", "--json"], 2, "--json"),
        (["a.png", "gone.png"], 1, "no such file"),
        (["a.png", "notes.png"], 1, "not a photo"),
        (["wall.png", "b.png"], 4, "wall.png: no face"),
        (["a.png", "wall.png"], 4, "all pictures are grey and at most 64 px"),
        (["a.png", "b.png", "--model", "means.faces"], 4, "a.png: no face"),
        (["a.png", "b.png", "--model", "means.digit"], 2, "did you mean means.digits?"),
        (["a.png", "b.png", "--model", "stargan_face.test"], 2, "not to swap"),
        (["a.png", "b.png", "--device", "tpu", "--model", "means.digits"], 2, "tpu"),
        (["a.png", "b.png", "-o", "o.xyz"], 1, "unknown ending"),
        (["", "b.png"], 1, "not the name of a photo"),
        (["a.png", ""], 1, "folder"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path, monkeypatch, args, code, says):
    monkeypatch.chdir(tmp_path)
    save(A, tmp_path / "a.png")
    save(B, tmp_path / "b.png")
    Image.new("RGB", (300, 200), "grey").save("wall.png")
    Path("notes.png").write_bytes(b"no picture at all")
    before = sorted(path.name for path in tmp_path.iterdir())
    found, out, err = run(*args)
    assert (found, out, err.count("\n")) == (code, "", 1), err
    assert err.startswith("error: ")
    assert says in err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_model_that_cannot_swap_says_so(tmp_path):
    empty = means_and_rest(tmp_path / "empty", "empty.test", "none", 1, SIDE, z_dim=0)
    with pytest.raises(errors.ModelError, match="empty 'z'"):
        imgedit.swap(A, B, model=empty.folder)
    silent = means_and_rest(tmp_path / "silent", "silent.test", "none", 1, SIDE)
    manifest = json.loads((silent.folder / "manifest.json").read_text())
    manifest["crop"] = {"kind": "none", "height": 0, "width": 0}
    (silent.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(errors.ModelError, match="size"):
        imgedit.swap(A, B, model=silent.folder)


def test_help_has_an_example_and_loads_nothing_heavy():
    done, names = loaded("from imgedit.cli import main; main()", "swap", "--help")
    assert done.returncode == 0
    assert "Example: imgedit swap" in done.stdout
    assert names & HEAVY == set()


def test_a_swap_loads_neither_torch_nor_the_hub(tmp_path, home):
    a, b = save(A, tmp_path / "3.png"), save(B, tmp_path / "7.png")
    args = ("swap", str(a), str(b), "--model", "means.digits", "--device", "cpu")
    done, names = loaded("from imgedit.cli import main; main()", *args, home=home)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "3.swap.7.png").is_file()
    assert names & {"torch", "torchvision", "huggingface_hub", "onnx", "training"} == set()


@pytest.fixture
def one_code(tmp_path: Path) -> Model:
    """A model that translates by way of a code z: every pixel; it has no s."""
    folder = tmp_path / "one_code"
    folder.mkdir()
    image = ("N", 3, 32, 32)
    flat = [helper.make_node("Flatten", ["image"], ["z"])]
    models.save_graph(folder / "encode.onnx", flat, {"image": image}, {"z": ("N", 3072)}, {})
    shape = {"shape": np.array([-1, *image[1:]], np.int64)}
    back = [helper.make_node("Reshape", ["z", "shape"], ["image"])]
    models.save_graph(folder / "decode.onnx", back, {"z": ("N", 3072)}, {"image": image}, shape)
    same = [helper.make_node("Identity", ["image"], ["image_out"])]
    inputs = {"image": image, "edit": ("N", 1)}
    models.save_graph(folder / "translate.onnx", same, inputs, {"image_out": image}, {})
    fields = {"id": "code.one", "kind": "translate", "crop": Crop("face", 32, 32), "output": "image"}
    return models.save_model(folder, **fields, attributes=("Smiling",), conditioning="difference")


def test_a_model_that_translates_by_a_code_shows_the_way_between_two_faces(one_code: Model, tmp_path: Path) -> None:
    white, grey = tmp_path / "white.png", tmp_path / "grey.png"
    for path, level in ((white, 250), (grey, 50)):
        Image.fromarray(np.full((240, 240, 3), level, np.uint8)).save(path)
    pictures = [photo.read(white), photo.read(grey)]
    face = Face(np.array([20, 20, 200, 220], np.float32), (geometry.FACE_TEMPLATE + 20).astype(np.float32), 1.0)
    swapper = swapping.Swapper(one_code, swapping.Sessions("cpu"))
    code = swapper.encode(np.stack([swapper.seen(one, face) for one in pictures]))
    assert code.s.shape == (2, 0)
    strip = swapper.decode(swapping._between(code, 3, None))
    np.testing.assert_allclose(strip.reshape(3, -1, 3)[:, 500].mean(1), [250, 150, 50], atol=1)


def test_such_a_model_has_nothing_to_swap(one_code: Model, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    face = Face(np.array([20, 20, 200, 220], np.float32), (geometry.FACE_TEMPLATE + 20).astype(np.float32), 1.0)
    monkeypatch.setattr("imgedit.vision.faces.search", lambda rgb, **options: [face])
    pictures = [photo.read(np.zeros((240, 240, 3), np.uint8))] * 2
    with pytest.raises(errors.ConfigError, match="no s to swap"):
        swapping.swap_photos(pictures, model=one_code.folder)
    done = swapping.swap_photos(pictures, model=one_code.folder, steps=4)
    assert done.rgb.shape == (32, 128, 3)


def test_interpolate_writes_the_strip_to_another_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgedit.cli.interpolate.CODED", "means.digits")
    for name, level in (("a.png", 0), ("b.png", 200)):
        Image.fromarray(np.full((SIDE, SIDE), level, np.uint8)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["interpolate", "a.png", "--to", "b.png", "--steps", "3", "--json"])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["written"] == "a.steps.b.png"
    assert told["pictures"] == ["a.png", "b.png"]
    with Image.open(tmp_path / "a.steps.b.png") as strip:
        assert strip.size == (3 * SIDE, SIDE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.png"], "words with --attr, or another photo with --to"),
        (["a.png", "--to", "b.png", "--attr", "blond"], "words with --attr, or another photo with --to"),
        (["a.png", "--to", "b.png", "--gif"], "no --gif"),
        (["a.png", "c.png", "--to", "b.png"], "give one photo"),
    ],
)
def test_a_way_to_another_photo_takes_no_words(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["interpolate", *words])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
