"""What a fresh process loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import imgedit
from tests import toy_models as models

ROOT = Path(imgedit.__file__).parent.parent
HEAVY = {"torch", "torchvision", "onnxruntime", "onnx", "cv2", "numpy", "PIL", "huggingface_hub", "scipy", "matplotlib"}

REPORT = """
import atexit, sys
atexit.register(lambda: print("LOADED", *sorted({m.partition(".")[0] for m in sys.modules}), file=sys.stderr))
sys.argv[0] = "imgedit"
"""


def loaded(code: str, *args: str, home: Path | None = None) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)} | ({"IMGEDIT_HOME": str(home)} if home else {})
    done = subprocess.run(
        [sys.executable, "-c", REPORT + code, *args], capture_output=True, text=True, timeout=120, env=env, check=False
    )
    names = [line for line in done.stderr.splitlines() if line.startswith("LOADED")]
    return done, set(names[-1].split()[1:])


@pytest.mark.parametrize("args", [["--version"], ["--help"], [], ["translate", "--help"], ["train", "--help"],
                                  ["pull", "--help"], ["swap", "--help"], ["sample", "--help"],
                                  ["nonsense"]])  # fmt: skip
def test_help_and_version_load_nothing_heavy(args):
    done, names = loaded("from imgedit.cli import main; main()", *args)
    assert done.returncode == (0 if "--help" in args or "--version" in args else 2)
    assert names & (HEAVY | {"http", "ssl"}) == set()  # the standard library's slowest


def test_importing_imgedit_loads_nothing_heavy():
    done, names = loaded("import imgedit; dir(imgedit); imgedit.ImgeditError; imgedit.Manifest")
    assert done.returncode == 0
    assert names & HEAVY == set()


def test_what_comes_before_the_guard_against_ctrl_c_loads_next_to_nothing():
    code = "import sys; before = set(sys.modules); import imgedit; print(*sorted({*sys.modules} - before))"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=env, check=True)
    assert {"imgedit.privacy"} <= set(done.stdout.split())
    assert {"typing", "re", "enum", "collections"} & set(done.stdout.split()) == set()


def test_listing_models_loads_nothing_heavy():
    done, names = loaded("from imgedit.cli import main; main()", "models")
    assert done.returncode == 0
    assert "mtcnn.facenet" in done.stdout
    assert names & HEAVY == set()


def test_an_edit_loads_neither_torch_nor_the_hub(tmp_path):
    home = tmp_path / "home" / "models"
    models.hair(home / "hair")
    models.parser(home / "parser", name="face_parser.celebamask_hq")
    photo = ROOT / "imgedit" / "bundled" / "astronaut.jpg"
    out = tmp_path / "out.jpg"
    done, names = loaded(
        "from imgedit.cli import main; main()",
        *(
            "translate",
            "--attr",
            "blond",
            "--model",
            "stargan_hair.test",
            "--device",
            "cpu",
            str(photo),
            "-o",
            str(out),
        ),
        home=tmp_path / "home",
    )
    assert done.returncode == 0, done.stderr
    assert out.is_file()
    assert names & {"torch", "torchvision", "huggingface_hub", "onnx", "training"} == set()
    assert {"onnxruntime", "cv2", "numpy", "PIL"} <= names
