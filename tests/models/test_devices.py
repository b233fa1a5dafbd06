"""Devices, threads and the one warning about a GPU that cannot be used."""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path

import pytest

from imgedit.errors import ConfigError
from imgedit.extras import how_to_install, how_to_replace
from imgedit.models import devices, runtime
from tests.models.test_runtime import affine_graph


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose driver reports one GPU, and nothing said yet."""
    monkeypatch.setattr(devices, "gpu_count", lambda: 1)
    devices._missing_cuda.cache_clear()
    devices._warned.clear()


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:-1", "CPU", "tpu", "cuda:²", "x" * 5000])
def test_an_unknown_device_names_the_known_ones(device: str) -> None:
    with pytest.raises(ConfigError, match="auto, cpu, cuda, cuda:N") as caught:
        devices.providers(device)
    assert len(str(caught.value)) < 120


def test_auto_is_the_cpu_where_no_gpu_is_and_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 0)
    assert devices.providers("auto") == ["CPUExecutionProvider"]
    for device in ("cuda", "cuda:3"):
        with pytest.raises(ConfigError, match="is not there") as caught:
            devices.providers(device)
        assert caught.value.hint == "use --device cpu"


def test_auto_takes_the_first_gpu_and_cuda_n_the_nth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 2)
    monkeypatch.setattr(devices, "_missing_cuda", lambda: None)
    for device, number in (("auto", 0), ("cuda", 0), ("cuda:1", 1)):
        name, options = devices.providers(device)[0]
        assert name == "CUDAExecutionProvider"
        assert options["device_id"] == number
        assert options["cudnn_conv_algo_search"] == "HEURISTIC"
        assert options["use_tf32"] == 0
        assert "gpu_mem_limit" not in options
        assert devices.providers(device, is_limited=True)[0][1]["gpu_mem_limit"] == devices.MEMORY_LIMIT
    with pytest.raises(ConfigError, match="reports 2"):
        devices.providers("cuda:2")


@pytest.mark.parametrize(
    ("installed", "says"),
    [
        (("onnxruntime", "onnxruntime-gpu"), "the package onnxruntime hides onnxruntime-gpu"),
        (("onnxruntime",), "built for the CPU alone; run `"),
    ],
)
def test_a_gpu_without_cuda_in_onnx_runtime_is_one_warning_with_reason_and_fix(
    gpu: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    installed: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(devices, "_is_installed", lambda package: package in installed)
    for _ in range(3):
        assert runtime.Session(affine_graph(), "auto").device == "cpu"
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert says in warnings[0].getMessage()
    assert how_to_replace(installed, "onnxruntime-gpu") in warnings[0].getMessage()
    with pytest.raises(ConfigError, match=says[:20]):
        devices.providers("cuda")
    devices._missing_cuda.cache_clear()


def test_cuda_that_cannot_be_loaded_is_installed_into_this_python() -> None:
    assert f"`{how_to_install('onnxruntime-gpu[cuda,cudnn]')}`" in devices.cuda_fails()


def test_these_options_reach_the_session_and_its_own_fallback_is_off(
    gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}
    real = runtime.ort.InferenceSession

    class OnGpu:
        def __init__(self, source: bytes, options: object, **how: object) -> None:
            given.update(how)
            self._real = real(source, options, providers=["CPUExecutionProvider"])

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

    monkeypatch.setattr(devices, "_missing_cuda", lambda: None)
    monkeypatch.setattr(runtime.ort, "InferenceSession", OnGpu)
    monkeypatch.setattr(devices, "_used", set())
    assert runtime.Session(affine_graph(), "cuda").device == "cuda"
    assert given == {"providers": devices.providers("cuda"), "enable_fallback": 0}


@pytest.mark.skipif(devices.gpu_count() > 0, reason="a GPU is here")
def test_cuda_that_does_not_work_is_one_warning_and_the_cpu_takes_over(
    gpu: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(devices, "_missing_cuda", lambda: None)
    for _ in range(2):
        assert runtime.Session(affine_graph(), "auto").device == "cpu"
    assert [record.getMessage()[:23] for record in caplog.records] == ["the GPU is not used: CU"]
    assert "onnxruntime-gpu[cuda,cudnn]" in caplog.text
    with pytest.raises(ConfigError, match=r"onnxruntime-gpu\[cuda,cudnn\]"):
        runtime.Session(affine_graph(), "cuda")
    out, err = capfd.readouterr()
    assert out == ""
    assert all("the GPU is not used" in line for line in err.splitlines())  # where a command before has set up logs


def test_a_gpu_that_fails_at_a_graph_is_blamed_where_the_cpu_takes_it(
    gpu: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices, "_missing_cuda", lambda: None)
    real = runtime.ort.InferenceSession

    def broken(source: bytes, options: object, providers: list[object], **more: object) -> object:
        if len(providers) > 1:
            raise RuntimeError("the driver is too old")
        return real(source, options, providers=providers, **more)

    monkeypatch.setattr(runtime.ort, "InferenceSession", broken)
    for _ in range(2):
        assert runtime.Session(affine_graph(), "auto").device == "cpu"
    assert [r.getMessage() for r in caplog.records] == [
        "the GPU is not used: the driver is too old; the device cpu silences this"
    ]
    with pytest.raises(ConfigError, match="device cuda cannot be used: the driver is too old"):
        runtime.Session(affine_graph(), "cuda")
    assert capfd.readouterr().out == ""


def test_a_damaged_graph_is_not_blamed_on_the_gpu(
    gpu: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "_missing_cuda", lambda: None)
    with pytest.raises(runtime.ModelError):
        runtime.Session(b"nonsense", "auto")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("wanted", "threads"),
    [("3", 3), (" 2 ", 2), ("2,4", 2), ("007", 7), ("1000000", 8), ("9" * 5000, 8), ("²", 8), ("٣", 8), ("0", 8),
     ("-3", 8), ("many", 8), ("", 8), ("1e9", 8)],
)  # fmt: skip
def test_threads_follow_omp_num_threads_up_to_the_cores(
    monkeypatch: pytest.MonkeyPatch, wanted: str, threads: int
) -> None:
    monkeypatch.setattr(devices, "core_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert devices.default_threads() == threads


def cgroup(root: Path, groups: str, **files: str) -> Path:
    """A file system with control groups; `__` in a name stands for a folder."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        ("0::/\n", {"cpu_dot_max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu_dot_max": "max 100000\n"}, math.inf),
        ("0::/a/b\n", {"a__b__cpu_dot_max": "400000 100000", "a__cpu_dot_max": "200000 100000"}, 2.0),
        ("0::/gone\n", {}, math.inf),
        (
            "5:cpu,cpuacct:/a\n",
            {"cpu__a__cpu_dot_cfs_quota_us": "50000", "cpu__a__cpu_dot_cfs_period_us": "100000"},
            0.5,
        ),
        ("5:cpu:/\n", {"cpu__cpu_dot_cfs_quota_us": "-1", "cpu__cpu_dot_cfs_period_us": "100000"}, math.inf),
        ("7:memory:/a\n", {"cpu_dot_max": "100000 100000"}, math.inf),
        ("nonsense\n\n", {"cpu_dot_max": "x y z"}, math.inf),
        ("0::/\n", {"cpu_dot_max": "1000 0"}, math.inf),
    ],
)
def test_control_groups_bound_the_cores(tmp_path: Path, groups: str, files: dict[str, str], quota: float) -> None:
    assert devices._quota(cgroup(tmp_path, groups, **files)) == quota


def test_without_control_groups_nothing_is_bounded(tmp_path: Path) -> None:
    assert devices._quota(tmp_path) == math.inf


@pytest.mark.parametrize(("quota", "cores"), [(0.2, 1), (1.0, 1), (1.5, 2), (math.inf, 4)])
def test_cores_are_those_of_the_affinity_within_the_quota(
    monkeypatch: pytest.MonkeyPatch, quota: float, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    monkeypatch.setattr(devices, "_quota", lambda: quota)
    assert devices.core_count() == cores
