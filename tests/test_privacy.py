"""No library records or sends anything: each case is a fresh process with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imgedit import privacy

ROOT = Path(__file__).parents[1]
OPENS_A_GRAPH = """
from imgedit.models import library
from imgedit.models.sessions import Sessions
Sessions("cpu").open(library.bundled("mtcnn.facenet"), "pnet")
"""


def files_after(code: str, home: Path, *args: str) -> list[str]:
    """What a fresh process leaves in its home."""
    home.mkdir()
    # A CI variable makes ONNX Runtime silent, which would hide what users get.
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "TF_BUILD", *privacy.SWITCHES)}
    env = {**kept, "HOME": str(home), "USERPROFILE": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, *args], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "code",
    [
        OPENS_A_GRAPH,
        "from imgedit.models.runtime import Session",
        "import imgedit, onnxruntime",
        "import training, onnxruntime",
        "from imgedit.cli import main; import sys; sys.argv = ['imgedit', 'faces', sys.argv[1]]\ntry: main()\n"
        "except SystemExit as end: sys.exit(end.code)",
    ],
)
def test_onnx_runtime_leaves_nothing_in_the_home(tmp_path: Path, code: str) -> None:
    portrait = ROOT / "imgedit" / "bundled" / "astronaut.jpg"
    assert files_after(code, tmp_path / "home", str(portrait)) == []


def test_this_test_would_see_what_onnx_runtime_writes(tmp_path: Path) -> None:
    if not files_after("import onnxruntime", tmp_path / "home"):
        pytest.skip("this ONNX Runtime records nothing")


def test_an_exporting_process_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert files_after("import training.publish.export\n" + OPENS_A_GRAPH, tmp_path / "home") == []


@pytest.mark.parametrize("package", ["imgedit", "training"])
def test_every_switch_is_set_by_the_first_import_whatever_the_environment_says(package: str) -> None:
    code = f"import {package}, os, json; print(json.dumps(dict(os.environ)))"
    env = {**os.environ, **dict.fromkeys(privacy.SWITCHES, "0"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    for name, value in privacy.SWITCHES.items():
        assert f'"{name}": "{value}"' in done.stdout


def test_the_hubs_client_sends_no_telemetry() -> None:
    code = "import imgedit.models.hub, huggingface_hub.constants as c; print(c.HF_HUB_DISABLE_TELEMETRY)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True"


def test_the_tests_have_a_home_of_their_own() -> None:
    assert "imgedit-tests-" in str(Path.home())
    assert "imgedit-tests-" in os.path.expanduser("~")
