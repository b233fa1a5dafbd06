"""The command line in this process (exit code, stdout, stderr), and where that matters in one of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import photo
from imgedit.models import devices
from tests import toy_models as models
from tests.command_line import app

ROOT = Path(imgedit.__file__).parent.parent
PORTRAIT = ROOT / "imgedit" / "bundled" / "astronaut.jpg"
HAIR = ("--model", "stargan_hair.test", "--device", "cpu")


def run(*args, stdin=None):
    done = CliRunner().invoke(app, [str(a) for a in args], input=stdin, catch_exceptions=False, prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    models.hair(folder / "models" / "hair")
    models.face(folder / "models" / "face")
    # These stand in until the bundled ones are there, which come first.
    models.parser(folder / "models" / "parser", size=192, name="face_parser.celebamask_hq")
    models.classifier(folder / "models" / "c", {"Smiling": 0.2, "Eyeglasses": 0.1}, name="attribute_classifier.celeba")
    return folder


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch):
    monkeypatch.setenv("IMGEDIT_HOME", str(home))


@pytest.fixture
def portrait(tmp_path):
    path = tmp_path / "Eileen é.png"
    Image.open(PORTRAIT).save(path)
    return path


def test_version_goes_to_stdout():
    assert run("--version") == (0, f"imgedit {imgedit.__version__}\n", "")


@pytest.mark.parametrize(
    "command", ["translate", "faces", "crop", "attributes", "models", "pull", "push", "swap", "sample"]
)
def test_every_help_text_has_an_example(command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: imgedit {command}" in out


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "imgedit", "--version"], capture_output=True, text=True, check=True,
                          cwd=ROOT)  # fmt: skip
    assert done.stdout == f"imgedit {imgedit.__version__}\n"


def test_translate_writes_beside_the_photo_and_says_where(portrait):
    code, out, err = run("translate", "--attr", "blond", portrait, *HAIR)
    target = portrait.with_name("Eileen é.blond.png")
    assert (code, out, err) == (0, f"{target}\n", "")
    before, after = photo.read(portrait).rgb, photo.read(target).rgb
    assert before.shape == after.shape
    changed = (before != after).any(2)
    assert 0.005 < changed.mean() < 0.5


def test_strength_zero_gives_the_very_pixels_back(portrait, tmp_path):
    out = tmp_path / "o.png"
    assert run("translate", "-a", "blond", portrait, "-o", out, "--strength", 0, *HAIR)[0] == 0
    np.testing.assert_array_equal(photo.read(out).rgb, photo.read(portrait).rgb)


def test_an_edit_that_changes_nothing_is_told_of_one_and_of_many(portrait, tmp_path):
    nothing = ("translate", "-a", "no-eyeglasses", "--device", "cpu")
    says = f"{portrait}: nothing was changed; the result shows the photo as it is"
    code, out, err = run(*nothing, portrait, "-o", tmp_path / "o.png", "--json")
    assert (code, json.loads(out)["changed"], err.splitlines()[-1]) == (0, False, says)
    code, out, err = run(*nothing, portrait.parent, "-o", tmp_path / "out", "--json")
    told = {json.loads(line)["photo"]: json.loads(line)["changed"] for line in out.splitlines()}
    assert (code, told[str(portrait)], says in err.splitlines()) == (0, False, True)
    assert says not in run(*nothing, portrait, "-o", tmp_path / "q.png", "--quiet")[2]
    code, out, err = run("translate", "-a", "blond", portrait, "-o", tmp_path / "b.png", "--json", *HAIR)
    assert (code, json.loads(out)["changed"], "nothing was changed" in err) == (0, True, False)


def test_words_of_two_models_in_one_call(portrait, tmp_path):
    out = tmp_path / "o.png"
    code, _, err = run("translate", "-a", "blonde", "-a", "no-smiling=0.5", portrait, "-o", out, "--device", "cpu")
    assert code == 0
    assert err.count("an experimental word; look at the result\n") == err.count("\n") == 2
    assert out.is_file()


def test_an_experimental_word_is_told_of_once_a_run_and_in_json_for_each_face(tmp_path, monkeypatch):
    monkeypatch.setattr("imgedit.models.records.Word.quality_of", lambda word, is_negated: "experimental")
    rgb = photo.read(PORTRAIT).rgb
    Image.fromarray(np.concatenate([rgb, rgb], axis=1)).save(tmp_path / "a.png")
    Image.fromarray(rgb).save(tmp_path / "b.png")
    args = ("translate", "-a", "stubble", "-a", "eyeglasses", "--force", tmp_path, "-o", tmp_path / "o", "--json")
    code, out, err = run(*args, "--device", "cpu")
    assert code == 0
    assert err.splitlines() == [
        f"warning: '{word}' is an experimental word; look at the results" for word in ("stubble", "eyeglasses")
    ]
    told = [json.loads(line)["warnings"] for line in out.splitlines()]
    assert [len([text for text in said if "an experimental word" in text]) for said in told] == [4, 2]


def test_json_tells_what_was_done(portrait):
    code, out, _ = run("translate", "--attr", "blond=0.5", portrait, "--json", "--face", "largest", *HAIR)
    told = json.loads(out)
    assert code == 0
    assert told["photo"] == str(portrait)
    assert told["written"] == [str(portrait.with_name("Eileen é.blond.png"))]
    assert told["words"] == {"blond": 0.5}
    assert len(told["faces"]) == 1
    assert set(told["seconds"]) == {"read", "faces", "networks", "changes", "write"}
    assert told["device"] == "cpu"


@pytest.mark.parametrize(
    "words",
    [
        ("faces", "a.jpg"),
        ("attributes", "a.jpg"),
        ("translate", "--attr", "blond", "a.jpg"),
        ("pose", "--yaw", 5, "a.jpg"),
        ("frontalize", "a.jpg"),
        ("swap", "a.jpg", "a.jpg"),
        ("interpolate", "--attr", "blond", "--steps", 2, "a.jpg"),
        ("sample", "gan_r1.mnist", "-n", 2, "-o", "digits"),
    ],
    ids=lambda words: words[0],
)
def test_json_names_the_device_that_computed(portrait, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    Image.open(portrait).convert("RGB").save("a.jpg")
    used = set()
    monkeypatch.setattr(devices, "_used", used)
    code, out, _ = run(*words, "--json")
    assert code == 0
    assert json.loads(out)["device"] == "cpu"
    assert used == {"cpu"}
    devices.note_used("cuda")  # as a session on a GPU does
    assert devices.used() == "cuda"


def test_compare_writes_before_and_after_side_by_side(portrait, tmp_path):
    out = tmp_path / "o.png"
    code, stdout, _ = run("translate", "--attr", "blond", portrait, "-o", out, "--compare", *HAIR)
    beside = photo.read(tmp_path / "o.compare.png").rgb
    assert code == 0
    assert stdout.splitlines() == [str(out), str(tmp_path / "o.compare.png")]
    width = beside.shape[1] // 2
    np.testing.assert_array_equal(beside[:, :width], photo.read(portrait).rgb)
    np.testing.assert_array_equal(beside[:, width:], photo.read(out).rgb)


def test_crop_only_writes_the_aligned_face(portrait, tmp_path):
    out = tmp_path / "o.png"
    assert run("translate", "--attr", "blond", portrait, "-o", out, "--crop-only", "--face", 0, *HAIR)[0] == 0
    assert photo.read(out).rgb.shape == (256, 256, 3)


def test_existing_files_are_kept_unless_told_otherwise(portrait, tmp_path):
    out = tmp_path / "o.png"
    out.write_bytes(b"mine")
    code, stdout, err = run("translate", "--attr", "blond", portrait, "-o", out, *HAIR)
    assert (code, stdout) == (1, "")
    assert "--overwrite" in err
    assert out.read_bytes() == b"mine"
    assert run("translate", "--attr", "blond", portrait, "-o", out, "--overwrite", *HAIR)[0] == 0
    assert out.read_bytes() != b"mine"


def test_metadata_and_alpha_survive(tmp_path):
    image = Image.open(PORTRAIT).convert("RGBA")
    image.putalpha(200)
    exif = Image.Exif()
    exif[0x010E] = "a portrait"
    path, out = tmp_path / "in.png", tmp_path / "out.png"
    image.save(path, exif=exif, dpi=(300, 300))
    assert run("translate", "--attr", "blond", path, "-o", out, *HAIR)[0] == 0
    with Image.open(out) as after:
        assert after.getexif()[0x010E] == "a portrait"
        assert round(after.info["dpi"][0]) == 300
        assert after.mode == "RGBA"
        assert after.getchannel("A").getextrema() == (200, 200)


def test_a_photo_that_lies_on_its_side_is_edited_upright(portrait, tmp_path):
    upright = Image.open(portrait)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, out = tmp_path / "turned.png", tmp_path / "out.png"
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    assert run("translate", "--attr", "blond", turned, "-o", out, *HAIR)[0] == 0
    plain = tmp_path / "plain.png"
    assert run("translate", "--attr", "blond", portrait, "-o", plain, *HAIR)[0] == 0
    np.testing.assert_array_equal(photo.read(out).rgb, photo.read(plain).rgb)


def test_stdin_to_stdout_is_the_photo_and_nothing_else(portrait):
    code_args = [sys.executable, "-m", "imgedit", "translate", "--attr", "blond", "-", *HAIR]
    done = subprocess.run(code_args, input=portrait.read_bytes(), capture_output=True, check=True, cwd=ROOT, timeout=60)
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert image.size == photo.read(portrait).rgb.shape[1::-1]


@pytest.mark.parametrize("more", [["--json"], ["--compare"], ["--crop-only"]])
def test_stdout_holds_the_photo_alone(portrait, more):
    code, out, err = run("translate", "--attr", "blond", portrait, "-o", "-", *more, *HAIR)
    assert (code, out) == (2, "")
    assert more[0] in err
    assert run("faces", portrait, "--draw", "-")[:2] == (2, "")


def test_a_crop_on_stdout_is_the_picture_and_nothing_else(portrait, tmp_path):
    args = [sys.executable, "-m", "imgedit", "crop", "-", "-o", "-", "--face", "largest"]
    done = subprocess.run(args, input=portrait.read_bytes(), capture_output=True, check=True, cwd=ROOT, timeout=60)
    assert done.stdout.endswith(b"IEND" + bytes.fromhex("ae426082"))
    two = Image.new("RGB", (1024, 512))
    two.paste(Image.open(PORTRAIT), (0, 0))
    two.paste(Image.open(PORTRAIT), (512, 0))
    two.save(tmp_path / "two.png")
    code, out, err = run("crop", tmp_path / "two.png", "-o", "-", "--device", "cpu")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--face" in err


def test_faces_json_is_one_object_a_line(portrait):
    code, out, _ = run("faces", portrait, "--json", "--device", "cpu")
    assert code == 0
    told = json.loads(out)
    assert out.count("\n") == 1
    assert told["photo"] == str(portrait)
    face = told["faces"][0]
    assert len(face["box"]) == 4
    assert len(face["landmarks"]) == 5
    assert 0.9 < face["score"] <= 1
    assert face["pose"].keys() == {"yaw", "pitch", "roll"}
    assert all(-15 < value < 15 for value in face["pose"].values())
    assert face["box"][0] < face["landmarks"][0][0] < face["landmarks"][1][0] < face["box"][2]


def test_faces_draws_on_a_copy(portrait, tmp_path):
    drawn = tmp_path / "drawn.png"
    code, out, err = run("faces", portrait, "--draw", drawn, "--device", "cpu")
    assert code == 0
    assert "box" in out
    assert str(drawn) in err
    assert (photo.read(drawn).rgb != photo.read(portrait).rgb).any()


def test_crop_writes_the_wanted_size(portrait):
    code, out, _ = run("crop", portrait, "--size", 100, "--window", "head", "--face", "largest", "--device", "cpu")
    assert (code, out) == (0, f"{portrait.with_name('Eileen é.crop.png')}\n")
    assert photo.read(out.strip()).rgb.shape == (100, 100, 3)


def test_attributes_are_probabilities(portrait):
    code, out, _ = run("attributes", portrait, "--json", "--device", "cpu", "--face", "largest")
    assert code == 0
    told = json.loads(out)["faces"][0]["attributes"]
    assert "Smiling" in told
    assert all(0 <= p <= 1 for p in told.values())
    code, out, _ = run("attributes", portrait, "--device", "cpu")
    assert code == 0
    assert "Smiling" in out


def test_models_lists_ids_and_words():
    code, out, err = run("models")
    assert (code, err) == (0, "")
    assert "mtcnn.facenet" in out
    assert "stargan_hair.test" in out
    words = run("models", "--words")[1]
    assert any(line.split()[0] == "blond" for line in words.splitlines())
    assert "blond" in json.loads(run("models", "--words", "--json")[1])
    assert {json.loads(line)["id"] for line in run("models", "--json")[1].splitlines()} >= {"stargan_face.test"}


def test_a_small_face_in_a_large_photo_is_listed_and_cropped(tmp_path):
    large = Image.new("RGB", (6000, 2000), "grey")
    large.paste(Image.open(PORTRAIT).resize((300, 300)), (4000, 900))
    large.save(tmp_path / "large.jpg")
    code, out, _ = run("faces", tmp_path / "large.jpg", "--json", "--device", "cpu")
    assert code == 0
    (face,) = json.loads(out)["faces"]
    assert 4000 < face["box"][0] < face["box"][2] < 4300
    assert run("crop", tmp_path / "large.jpg", "--device", "cpu")[0] == 0
    assert photo.read(tmp_path / "large.crop.jpg").rgb.shape == (256, 256, 3)


@pytest.mark.parametrize("command", [["faces"], ["crop"], ["attributes"], ["translate", "--attr", "blond", *HAIR]])
def test_no_face_in_a_large_photo_says_how_closely_was_looked(tmp_path, command):
    Image.new("RGB", (4096, 64), "grey").save(tmp_path / "grey.png")
    code, out, err = run(*command, tmp_path / "grey.png")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "in this 4096x64 px photo, looked at reduced to 1024 px and to 2048 px" in err
    assert "at least 40 px" in err


def test_no_face_is_exit_4_and_one_line(tmp_path):
    path = tmp_path / "wall.png"
    Image.new("RGB", (300, 200), "grey").save(path)
    for command in (["translate", "--attr", "blond", *HAIR], ["faces"], ["crop"], ["attributes"]):
        code, out, err = run(*command, path)
        assert (code, out) == (4, "")
        assert err.count("\n") == 1
        assert "face" in err
    assert [p.name for p in tmp_path.iterdir()] == ["wall.png"]


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--attr", "blnod", *HAIR], 2, "did you mean blond?"),
        (["--attr", "blond", "--attr", "black-hair", *HAIR], 2, "contradict"),
        (["--attr", "blond=7", *HAIR], 2, "0 to 1"),
        (["--attr", "blond,smiling", *HAIR], 2, "name each of them alone"),
        (["--attr", "", *HAIR], 2, "no edit word"),
        (["--attr", "no-blond", *HAIR], 2, "black-hair, brown-hair, grey-hair"),
        (["--attr", "blond", "--strength", "2", *HAIR], 2, "0 to 1"),
        (["--attr", "blond", "--model", "nope"], 2, "no model 'nope'"),
        (["--attr", "blond", "--model", "mtcnn.facenet"], 2, "not to translate"),
        (["--attr", "blond", "--face", "9", *HAIR], 4, "face"),
        (["--attr", "blond", "--face", "middle", *HAIR], 2, "middle"),
        (["--attr", "blond", "--model", "stargan_hair.test", "--device", "tpu"], 2, "tpu"),
        ([], 2, "--attr"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(portrait, args, code, says):
    found, out, err = run("translate", *args, portrait)
    assert (found, out) == (code, "")
    assert says in err
    assert "Traceback" not in err
    if args:
        assert err.count("\n") == 1
    assert [p.name for p in portrait.parent.iterdir()] == [portrait.name]


# A shell starts background jobs with SIGINT ignored, and children inherit that: undo it first.
LAUNCH = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "runpy.run_module('imgedit', run_name='__main__', alter_sys=True)"
)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("sent", "code", "says"), [(signal.SIGINT, 130, b"interrupted"), (signal.SIGTERM, 143, b"ended by SIGTERM")]
)
def test_a_signal_has_its_exit_code_and_leaves_no_partial_file(tmp_path, sent, code, says):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, "translate", "--attr", "blond", "-", "-o", str(tmp_path / "o.png"), *HAIR],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=tmp_path,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(bytes(1 << 21))  # more than a pipe holds: once it is written, the command is reading
    process.stdin.flush()
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.splitlines()) == (code, b"", [says])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("content", "sent", "code"),
    [(b"no photo", signal.SIGINT, 3), (None, signal.SIGINT, 0), (b"no photo", signal.SIGTERM, 143)],
)
def test_ctrl_c_is_the_end_of_watching_and_no_interruption(tmp_path, content, sent, code):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    command = [sys.executable, "-c", LAUNCH, "express", "--smile", "1", "--watch", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("watching")
        if content is not None:
            assert process.stderr.readline().startswith("failed: ")
        process.send_signal(sent)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "interrupted" not in err
    assert f"photos edited: 0, failed: {int(content is not None)}; the same command goes on\n" in err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("jobs", "n_done"), [(1, 0), (2, 2)])
def test_sigterm_leaves_whole_results_or_none_and_says_how_to_go_on(tmp_path, jobs, n_done):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        shutil.copy(PORTRAIT, tmp_path / "in" / name)
    code = f"""
import os, runpy, signal, sys
from imgedit import files
write = files._write
def killed(*args):
    write(*args)
    if not os.environ.pop("KILLED", ""):
        return
    for _ in range(2):  # `timeout` sends it twice
        os.kill(os.getpid(), signal.SIGTERM)
files._write = killed
sys.argv = ["imgedit", "express", "--brows", "1", "in", "-o", "out", "-j", "{jobs}"]
runpy.run_module("imgedit", run_name="__main__", alter_sys=True)
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "KILLED": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path,
                          check=False, timeout=120)  # fmt: skip
    assert done.returncode == 143, done.stderr
    assert done.stderr.splitlines()[-2:] == [
        f"{n_done} of 3 photos are done; the same command with --skip-existing goes on", "ended by SIGTERM"
    ]  # fmt: skip
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("out/*"))
    assert sorted(done.stdout.split()) == written == [f"out/{name}.brows+1.jpg" for name in "ab"[:n_done]]
    assert (tmp_path / "out").exists() == bool(n_done)


def test_an_interrupt_while_a_library_loads_is_exit_130(portrait, monkeypatch):
    def load(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error  # as pybind11 does

    monkeypatch.setattr("imgedit.edits.words.parse_words", load)
    assert run("translate", "--attr", "blond", portrait, *HAIR) == (130, "", "interrupted\n")
