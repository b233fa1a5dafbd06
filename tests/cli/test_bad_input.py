"""Every kind of bad input: one line on stderr, the documented exit code, no traceback, no file left behind."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import photo
from tests import toy_models as models
from tests.command_line import app

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    models.hair(folder / "models" / "hair")
    models.parser(folder / "models" / "parser", size=192, name="face_parser.celebamask_hq")
    return folder


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch):
    monkeypatch.setenv("IMGEDIT_HOME", str(home))


def translate(path, *more, model="stargan_hair.test"):
    args = ["translate", "--attr", "blond", "--model", model, "--device", "cpu", path, *more]
    done = CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def refused(path, *more, says, code=1, model="stargan_hair.test"):
    folder = Path(path).parent
    before = sorted(p.name for p in folder.iterdir())
    found, out, err = translate(path, *more, model=model)
    assert (found, out) == (code, ""), err
    assert err.startswith("error: ")
    assert err.count("\n") == 1, err
    assert says in err
    assert "Traceback" not in err
    assert sorted(p.name for p in folder.iterdir()) == before


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, with hardly any pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("notes.jpg", b"dear diary, this is no picture", "not a photo"),
        ("empty.jpg", b"", "zero bytes"),
        ("bomb.png", png_header(30_000, 30_000), "megapixels"),
        ("short.png", png_header(300, 300), "damaged or cut off"),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", "HEIF"),
    ],
)
def test_what_is_no_photo(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, says=says)


def test_a_truncated_jpeg(tmp_path):
    path = tmp_path / "cut.jpg"
    path.write_bytes(PORTRAIT.read_bytes()[:20_000])
    refused(path, says="cut off")


def test_a_missing_file_and_a_folder(tmp_path):
    refused(tmp_path / "gone.jpg", says="no such file")
    (tmp_path / "folder.jpg").mkdir()
    refused(tmp_path / "folder.jpg", says="folder")


def test_a_photo_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "locked.jpg"
    shutil.copy(PORTRAIT, path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read anything
        real = os.open

        def refuse(name, *args, **options):
            if str(name) == str(path):
                raise PermissionError(13, "Permission denied")
            return real(name, *args, **options)

        monkeypatch.setattr("imgedit.photo.sources.os.open", refuse)
    refused(path, says="permission")


def test_a_film_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "film.mp4"
    with path.open("wb") as file:
        file.truncate(3 << 30)  # sparse
    refused(path, says="2.1 GB")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no device without end here")
def test_a_device_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("imgedit.photo.sources.MAX_BYTES", 5_000_000)
    found, out, err = translate("/dev/zero", "-o", tmp_path / "o.png")
    assert (found, out, err.count("\n")) == (1, "", 1)
    assert "no regular file" in err
    with open("/dev/zero", encoding="latin-1") as endless:
        monkeypatch.setattr(sys, "stdin", endless)
        with pytest.raises(imgedit.PhotoError, match="no photo has"):
            photo.read("-")


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_name_that_names_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an empty folder, where "." names no photo
    for command in (["translate", "--attr", "blond", "--model", "stargan_hair.test"], ["crop"], ["faces"]):
        done = CliRunner().invoke(app, [*command, name], catch_exceptions=False)
        assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)


def shell(line: str, folder: Path) -> tuple[int, list[str]]:
    """Run `imgedit` in a shell; exit code and the lines on stderr."""
    env = {**os.environ, "PYTHONPATH": str(Path(imgedit.__file__).parent.parent)}
    done = subprocess.run(["sh", "-c", f'"{sys.executable}" -m imgedit {line}'], cwd=folder, env=env,
                          capture_output=True, check=False, text=True, timeout=60)  # fmt: skip
    return done.returncode, done.stderr.splitlines()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize(
    "line", ["--version", "--help", "models --json", "translate --attr blond --model stargan_hair.test - < in.jpg"]
)
def test_a_full_stdout_is_one_line(tmp_path, line):
    Image.open(PORTRAIT).resize((96, 96)).save(tmp_path / "in.jpg")
    code, err = shell(f"{line} > /dev/full", tmp_path)
    assert (code, len(err)) == (1, 1), err
    assert err[0].startswith("error: standard output cannot be written")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shell")
def test_closed_streams_are_one_line(tmp_path):
    Image.open(PORTRAIT).resize((96, 96)).save(tmp_path / "in.jpg")
    code, err = shell("faces - <&-", tmp_path)
    assert (code, err) == (1, ["error: standard input is closed; give a file or pipe a photo in"])
    code, err = shell("translate --attr blond --model stargan_hair.test - < in.jpg >&-", tmp_path)
    assert (code, err) == (1, ["error: standard output is closed; name a file instead"])


def converted(mode: str, path: Path, **options: object) -> Path:
    with Image.open(PORTRAIT) as image:
        if mode == "I;16":
            grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
            Image.fromarray(grey).save(path, **options)
        else:
            image.convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "name"),
    [("CMYK", "a.jpg"), ("CMYK", "a.tif"), ("P", "a.png"), ("P", "a.gif"), ("I;16", "a.png"), ("I;16", "a.tif"),
     ("L", "a.jpg"), ("LA", "a.png"), ("RGBA", "a.webp")],
)  # fmt: skip
def test_unusual_pixels_are_edited_all_the_same(tmp_path, mode, name):
    path = converted(mode, tmp_path / name)
    code, out, err = translate(path)
    assert code == 0
    said = {"CMYK": "is CMYK; it is edited and written as sRGB"}
    said |= dict.fromkeys(("L", "LA", "I;16"), "is in a grey photo")  # which gets colours
    assert err.count("\n") == (mode in said)
    assert said.get(mode, "") in err
    assert photo.read(out.strip()).rgb.shape == (512, 512, 3)


def test_an_animation_is_edited_in_its_first_picture_and_says_so(tmp_path):
    path = tmp_path / "moving.webp"
    with Image.open(PORTRAIT) as image:
        image.save(path, save_all=True, append_images=[image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    code, out, err = translate(path)
    assert code == 0
    assert err.startswith("warning: ")
    assert "only the first" in err
    assert Path(out.strip()).is_file()
    Path(out.strip()).unlink()
    assert translate(path, "--quiet")[2] == ""


@pytest.mark.parametrize(
    "name", ["with some  spaces.jpg", "Zoë – 写真 🙂.jpg", "-dash.jpg", "a'b\"c.jpg", "[b]x[bold].jpg"]
)
def test_strange_names(tmp_path, monkeypatch, name):
    path = tmp_path / name
    shutil.copy(PORTRAIT, path)
    code, out, _ = translate(path)
    assert (code, out) == (0, f"{path.with_name(path.stem + '.blond.jpg')}\n")
    refused(tmp_path / f"no {name}", says="no such file")


def test_outputs_that_cannot_be_written(tmp_path):
    path = tmp_path / "in.jpg"
    shutil.copy(PORTRAIT, path)
    refused(path, "-o", tmp_path / "nowhere" / "o.jpg", says="does not exist")
    refused(path, "-o", str(tmp_path / "a.{edit}{ext}"), says="needs {stem}", code=2)
    (tmp_path / "in.blond.jpg").mkdir()
    refused(path, "-o", tmp_path, says="is a folder")
    refused(path, "-o", tmp_path / "o.xyz", says="unknown ending")
    refused(path, "-o", tmp_path / ("x" * 300 + ".jpg"), says="")


def test_an_output_folder_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "in.jpg"
    shutil.copy(PORTRAIT, path)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):  # root may write anywhere
        monkeypatch.setattr("os.access", lambda *_: False)
    refused(path, "-o", closed / "o.jpg", says="permission")


def test_a_disk_that_is_full_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "in.jpg"
    shutil.copy(PORTRAIT, path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    refused(path, says="No space left")


def test_an_unknown_model(tmp_path):
    path = tmp_path / "in.jpg"
    shutil.copy(PORTRAIT, path)
    refused(path, model="stargan_hare.test", says="did you mean stargan_hair.test?", code=2)


@pytest.mark.parametrize("damage", ["json", "schema", "hash", "cut", "swapped", "missing", "words"])
def test_a_damaged_model(tmp_path, damage):
    path = tmp_path / "in.jpg"
    shutil.copy(PORTRAIT, path)
    folder = models.hair(tmp_path / "model").folder
    manifest = folder / "manifest.json"
    data = json.loads(manifest.read_text())
    graph = folder / "translate.onnx"
    says = "damaged"
    if damage == "json":
        manifest.write_text(manifest.read_text()[:100])
        says = "not valid JSON"
    elif damage == "schema":
        manifest.write_text(json.dumps({**data, "schema_version": 9}))
        says = "schema_version 9"
    elif damage == "hash":
        content = bytearray(graph.read_bytes())
        content[50] ^= 255
        graph.write_bytes(content)
    elif damage == "cut":
        graph.write_bytes(graph.read_bytes()[:-10])
        says = "bytes"
    elif damage == "swapped":  # whole by size and hash, yet no graph
        graph.write_bytes(b"nonsense")
        described = imgedit.models.manifest.GraphFile.of(graph)
        data["graphs"]["translate"] = {"file": graph.name, "sha256": described.sha256, "bytes": described.bytes}
        manifest.write_text(json.dumps(data))
        says = "cannot be loaded"
    elif damage == "missing":
        graph.unlink()
        says = "missing"
    elif damage == "words":
        manifest.write_text(json.dumps({**data, "words": {}}))
        says = "no model knows the word 'blond'"
    refused(path, model=str(folder), says=says, code=2 if damage == "words" else 1)


def test_a_graph_of_another_shape(tmp_path):
    path = tmp_path / "in.jpg"
    shutil.copy(PORTRAIT, path)
    folder = models.hair(tmp_path / "model").folder
    shutil.copy(models.hair(tmp_path / "other", size=32).folder / "translate.onnx", folder / "translate.onnx")
    data = json.loads((folder / "manifest.json").read_text())
    described = imgedit.models.manifest.GraphFile.of(folder / "translate.onnx")
    data["graphs"]["translate"] |= {"sha256": described.sha256, "bytes": described.bytes}
    (folder / "manifest.json").write_text(json.dumps(data))
    refused(path, model=str(folder), says="has shape")


@pytest.mark.parametrize("command", ["faces", "crop", "attributes"])
def test_the_other_commands_refuse_the_same_way(tmp_path, command):
    path = tmp_path / "notes.jpg"
    path.write_bytes(b"no picture")
    done = CliRunner().invoke(app, [command, str(path)], catch_exceptions=False)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (19, 19), (400, 1)])
def test_photos_too_small_for_a_face_are_exit_4(tmp_path, size):
    path = tmp_path / "tiny.png"
    Image.new("RGB", size, "white").save(path)
    refused(path, says="face", code=4)
