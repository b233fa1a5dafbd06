"""What `imgedit doctor` finds, and what it says to mend it."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from imgedit import doctor, settings
from imgedit.extras import how_to_install, how_to_replace
from imgedit.models import devices, library, runtime
from tests import toy_models as models
from tests.command_line import app


def run(*args):
    done = CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False, prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


def test_a_sound_machine_has_no_errors_and_a_timed_edit(tmp_path, monkeypatch):
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path))
    code, out, err = run("doctor", "--json", "--device", "cpu")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["works"]
    assert told["versions"]["numpy"]
    assert told["providers"]["CPUExecutionProvider"] is None
    assert set(told["models"]) == {folder.name for folder in library.bundled_folder().iterdir() if folder.is_dir()}
    assert set(told["models"].values()) == {None}
    assert set(told["seconds"]) == {"first edit", "second edit"}
    for seconds in told["seconds"].values():
        assert 0 < seconds["faces"] + seconds["networks"] + seconds["changes"] <= seconds["whole"] + 0.01
    assert told["folders"]["models"] == str(tmp_path / "models")
    assert not [problem for problem in told["problems"] if problem["is_error"]]


def report(problem_in):
    made = doctor.Report()
    problem_in(made)
    return made


def test_a_damaged_model_is_named_with_its_fix(tmp_path, monkeypatch):
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path))
    made = models.face(tmp_path / "models" / "someone--faces")
    (made.folder / "translate.onnx").write_bytes(b"x")
    found = report(doctor._models)
    assert found.models["someone--faces"] is not None
    (problem,) = found.problems
    assert problem.fix == "imgedit models remove someone/faces"
    assert found.works  # it is not one of imgedit's own
    own = tmp_path / "own"
    shutil.copytree(library.bundled_folder() / "mtcnn.facenet", own / "mtcnn.facenet")
    (own / "mtcnn.facenet" / "pnet.onnx").write_bytes(b"x")
    monkeypatch.setattr(library, "bundled_folder", lambda: own)
    found = report(doctor._models)
    assert not found.works
    assert found.problems[0].fix == "install imgedit again"


def test_both_packages_of_onnx_runtime_are_a_problem(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: "1.0" if name.startswith("onnxruntime") else None)
    (problem,) = report(doctor._versions).problems
    assert "overwrite each other" in problem.what
    assert problem.fix == how_to_replace(["onnxruntime", "onnxruntime-gpu"], "onnxruntime-gpu")


def test_a_gpu_that_cannot_be_used_is_named_with_the_missing_libraries(monkeypatch):
    monkeypatch.setattr(devices, "gpu_count", lambda: 1)
    monkeypatch.setattr(devices, "_missing_cuda", lambda: None)
    monkeypatch.setattr(devices, "cuda_libraries", lambda: {"libcudart.so.12": "/x", "libcudnn.so.9": None})
    monkeypatch.setattr(runtime, "why_not", lambda graph, provider: "no" if "CUDA" in provider else None)
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    found = report(doctor._processors)
    (problem,) = found.problems
    assert "libcudnn.so.9" in problem.what
    assert "libcudart" not in problem.what
    assert problem.fix == how_to_install("onnxruntime-gpu[cuda,cudnn]")
    assert found.works


@pytest.mark.parametrize("installed", [["onnxruntime"], ["onnxruntime", "onnxruntime-gpu"]])
def test_one_command_mends_an_onnx_runtime_without_cuda(monkeypatch, installed):
    monkeypatch.setattr(devices, "gpu_count", lambda: 1)
    monkeypatch.setattr(devices, "_is_installed", lambda package: package in installed)
    monkeypatch.setattr(doctor, "_version", lambda name: "1.0" if name in installed else None)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    devices._missing_cuda.cache_clear()
    found = doctor.Report()
    doctor._versions(found)
    doctor._processors(found)
    devices._missing_cuda.cache_clear()
    assert found.problems[-1].what.startswith("the GPU cannot be used: ")
    told = " ".join(f"{problem.what} {problem.fix}" for problem in found.problems)
    assert told.count(" install ") == 1
    assert told.count(how_to_replace(installed, "onnxruntime-gpu")) == 1


def test_a_provider_binds_only_where_a_graph_runs_on_it():
    graph = library.bundled("mtcnn.facenet").read("pnet")
    assert runtime.why_not(graph, "CPUExecutionProvider") is None
    assert runtime.why_not(graph, "NoSuchProvider") is not None
    if devices.gpu_count() == 0:
        assert runtime.why_not(graph, "CUDAExecutionProvider") == "there is no NVIDIA GPU, or no driver for it"


def test_the_reason_of_a_provider_is_a_whole_sentence(monkeypatch):
    def refused(*args, **options):
        where = "/src/python/state.cc:729 void onnxruntime::Register(PySessionOptions&, const ProviderOptions&)"
        raise RuntimeError(f"{where} Please install TensorRT, {'and ' * 40}that your GPU is supported.\n")

    monkeypatch.setattr(runtime.ort, "InferenceSession", refused)
    why = runtime.why_not(b"", "TensorrtExecutionProvider")
    assert why == f"its libraries cannot be loaded: Please install TensorRT, {'and ' * 40}that your GPU is supported."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jobs = ][", "is no TOML"),
        ("device = 3", "device is auto, cpu, cuda or cuda:N, not 3"),
        ("quality = 500\n", "quality is a whole number from 1 to 100"),
        ("home = '~nosuchuser/x'\n", "names the folder of an unknown user"),
    ],
)
def test_wrong_settings_are_errors_of_a_whole_report(tmp_path, monkeypatch, text, says):
    path = tmp_path / "config.toml"
    path.write_text(text)
    monkeypatch.setenv("IMGEDIT_CONFIG", str(path))
    monkeypatch.delenv("IMGEDIT_HOME", raising=False)
    monkeypatch.setenv("IMGEDIT_DEVICE", "cpu")
    monkeypatch.setenv("IMGEDIT_JOBS", "0")
    code, out, err = run("doctor", "--json")
    told = json.loads(out)
    assert (code, err, told["works"]) == (1, "", False)
    one, other = [problem for problem in told["problems"] if problem["is_error"]][-2:]
    if says.startswith("names"):  # the settings can be read, the folder cannot be found
        one, other = other, one
    assert one["what"].startswith(f"{path}: ")
    assert says in one["what"]
    assert other["what"] == "IMGEDIT_JOBS is a whole number from 1 to 64, not '0'"
    assert set(told["models"]) == {folder.name for folder in library.bundled_folder().iterdir() if folder.is_dir()}
    assert set(told["seconds"]) == {"first edit", "second edit"}
    assert (told["folders"]["settings"], told["folders"]["models"]) == (str(settings.config_file()), "")


def test_the_lines_of_a_report_name_the_wrong_file(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text("jobs = ][")
    monkeypatch.setenv("IMGEDIT_CONFIG", str(path))
    monkeypatch.setattr(doctor, "_self_test", lambda report, device: None)
    code, out, _ = run("doctor")
    assert code == 1
    assert f"\nerror: {path}: is no TOML: " in out
    assert "\n    models: not known\n" in out
    assert out.startswith("versions\n")
    assert out.splitlines()[-1].startswith("Photos cannot be edited here: mend the error above")


def test_an_edit_that_fails_is_an_error_with_exit_code_1(monkeypatch, tmp_path):
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path))
    if devices.gpu_count():
        pytest.skip("a GPU is here")
    code, out, _ = run("doctor", "--device", "cuda")
    assert code == 1
    assert "error: the portrait could not be edited: device cuda is not there" in out
    assert "fix: use --device cpu" in out


@pytest.mark.parametrize(
    ("problems", "code", "last"),
    [
        ([], 0, "All is well: photos can be edited here, and there is nothing to do."),
        (
            [doctor.Problem("slow")],
            0,
            "Photos can be edited here: the problems above slow it down or limit it, and may stay.",
        ),
        (
            [doctor.Problem("slow"), doctor.Problem("broken", "mend it", is_error=True)],
            1,
            "Photos cannot be edited here: mend the error above as 'fix' says, then run imgedit doctor again.",
        ),
    ],
)
def test_the_last_line_says_whether_all_is_well_and_what_to_do_otherwise(monkeypatch, problems, code, last):
    monkeypatch.setattr(doctor, "examine", lambda device: doctor.Report(problems=problems))
    done = run("doctor")
    assert (done[0], done[1].splitlines()[-1]) == (code, last)
