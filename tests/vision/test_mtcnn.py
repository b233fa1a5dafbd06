from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from imgedit import photo
from imgedit.errors import ManifestError
from imgedit.models import devices, library, manifest
from imgedit.vision import faces, mtcnn

ASTRONAUT = Path(mtcnn.__file__).parents[1] / "bundled" / "astronaut.jpg"
SETTINGS: dict[str, Any] = {"min_face": 20, "thresholds": (0.6, 0.7, 0.7), "factor": 0.709, "device": "cpu"}


@pytest.fixture(scope="module")
def several() -> np.ndarray:
    """The portrait four times, each time smaller."""
    portrait = photo.read(ASTRONAUT).rgb
    return np.hstack([cv2.resize(portrait, (side, 301), interpolation=cv2.INTER_AREA) for side in (301, 280, 260, 240)])


# The image pyramid


@pytest.mark.parametrize(
    ("height", "width", "out_height", "out_width"),
    [(31, 47, 12, 20), (9, 5, 24, 24), (64, 64, 7, 1), (64, 48, 4, 3), (32, 64, 2, 4)],
)
@pytest.mark.parametrize("is_large", [False, True])
def test_area_pooling_is_torchs(
    height: int, width: int, out_height: int, out_width: int, is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    rgb = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if is_large:
        monkeypatch.setattr(mtcnn, "_LARGE", 1)
    rgb[:, : width // 2] = 255  # so that 16 x 16 px add up to nearly 2^16
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()

    def pooled(part: Any, size: tuple[int, int]) -> np.ndarray:
        result = torch.nn.functional.interpolate(part, size=size, mode="area")
        return np.asarray((result - 127.5) / 128)

    sums = mtcnn._Sums(rgb)
    assert np.abs(sums.resized(out_height, out_width) - pooled(image, (out_height, out_width))).max() < 1e-6
    regions = np.array([[0, 0, width, height], [1, 2, 4, 3], [width - 1, 0, width, 5]])
    expected = [pooled(image[:, :, y0:y1, x0:x1], (24, 24)) for x0, y0, x1, y1 in regions]
    assert np.abs(sums.crops(regions, 24) - np.concatenate(expected)).max() < 1e-6


def test_some_rows_of_a_resized_picture_are_those_of_the_whole() -> None:
    sums = mtcnn._Sums(np.random.default_rng(4).integers(0, 256, (90, 70, 3), dtype=np.uint8))
    whole = sums.resized(51, 40)
    assert np.array_equal(sums.resized(51, 40, 7, 30), whole[:, :, 7:30])
    assert np.array_equal(sums.resized(51, 40, 40), whole[:, :, 40:])


@pytest.mark.parametrize("size", [(20, 20), (21, 300), (133, 131), (417, 220)])
@pytest.mark.parametrize("most", [300, 5000, float("inf")])
def test_bands_cover_each_answer_of_pnet_once(size: tuple[int, int], most: float) -> None:
    sums = mtcnn._Sums(np.zeros((*size, 3), np.uint8))
    session = mtcnn._session("pnet", "cpu")
    steps = list(mtcnn._bands(sums, 20, 0.709, most))
    assert steps
    for bands in steps:
        whole = session.run({"image": sums.resized(bands[0].height, bands[0].width)})["proposal"]
        parts = [session.run({"image": mtcnn._image(sums, band)})["proposal"] for band in bands]
        assert np.abs(np.concatenate(parts, axis=2) - whole).max() < 1e-5
        assert [len(part[0, 0]) for part in parts] == [band.stop - band.start for band in bands]
    assert max(map(len, steps)) == 1 or most < float("inf")


# The cascade


def test_neither_threads_nor_the_size_of_the_pieces_change_what_is_found(
    several: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(devices, "core_count", lambda: 3)
    boxes, landmarks = mtcnn.find(several, **SETTINGS)
    assert len(boxes) == 4
    with devices.threads_limited(1):
        for band, crops in ((2000, 3), (10**9, 1000)):
            monkeypatch.setattr(mtcnn, "_BAND", band)
            monkeypatch.setattr(mtcnn, "_CROPS", crops)
            others, other_landmarks = mtcnn.find(several, **SETTINGS)
            assert np.abs(others - boxes).max() < 2e-3
            assert np.abs(other_landmarks - landmarks).max() < 2e-3


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_workers_give_results_in_order_and_pass_errors_on(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(devices, "core_count", lambda: cores)
    workers = mtcnn._Workers("cpu")
    assert workers.n == cores
    assert list(workers.each(lambda i: 100 // (50 - i), range(40))) == [100 // (50 - i) for i in range(40)]
    with pytest.raises(ZeroDivisionError):
        list(workers.each(lambda i: 100 // (50 - i), range(60)))


def test_who_waits_for_a_result_runs_what_no_thread_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(devices, "core_count", lambda: 2)
    is_over = threading.Event()
    busy = mtcnn._pool(1, os.getpid()).submit(is_over.wait)  # the only other thread
    try:
        ran_in = list(mtcnn._Workers("cpu").each(lambda i: (i, threading.current_thread()), range(20)))
        assert ran_in == [(i, threading.current_thread()) for i in range(20)]
    finally:
        is_over.set()
    assert busy.result()


def test_a_run_takes_one_thread() -> None:
    for role in ("pnet", "rnet", "onet"):
        options = mtcnn._session(role, "cpu")._session.get_session_options()
        assert options.intra_op_num_threads == 1


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.6, 0.9999, 1.0])
def test_no_probability_is_lost_below_the_least_logit(threshold: float) -> None:
    logit = np.linspace(-30, 30, 20_001)
    probability = 1 / (1 + np.exp(-logit))
    assert (logit >= mtcnn._least_logit(threshold))[probability >= threshold].all()
    assert mtcnn._least_logit(0.6) > np.log(1.5) - 0.01


def test_a_threshold_of_1_keeps_no_box_and_one_of_0_all(several: np.ndarray) -> None:
    assert len(mtcnn.find(several, **{**SETTINGS, "thresholds": (1.1, 0.7, 0.7)})[0]) == 0
    answers = np.random.default_rng(0).normal(0, 60, (5, 9, 8)).astype(np.float32)
    band = mtcnn._Band(0.6, 100, 100, 0, 9)
    assert len(mtcnn._proposed(answers, band, 0.0)) == 72
    found = mtcnn._proposed(answers, band, 0.5)
    assert len(found) == (answers[0] >= 0).sum()
    assert np.array_equal(found[:, 5:], answers[1:, answers[0] >= 0].T)


def test_suppression_keeps_what_its_rule_allows() -> None:
    outer, inner, apart = [0, 0, 99, 99, 0.9], [10, 10, 49, 49, 0.8], [200, 0, 299, 99, 0.95]
    boxes = np.array([outer, inner, apart], np.float32)
    assert mtcnn._suppress(boxes, 0.7).tolist() == [2, 0, 1]  # inner shares 0.16 of the union
    assert mtcnn._suppress(boxes, 0.15).tolist() == [2, 0]
    assert mtcnn._suppress(boxes, 0.7, of_smaller=True).tolist() == [2, 0]  # and all of itself
    halves = np.array([[0, 0, 10, 10, 0.9], [0, 0, 10, 5, 0.8]], np.float32)
    assert mtcnn._suppress(halves, 0.5).tolist() == [0, 1]  # exactly the threshold stays
    assert mtcnn._suppress(halves[:0], 0.5).tolist() == []


def random_boxes(n: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    corner = rng.integers(0, 60, (n, 2))
    return np.column_stack([corner, corner + rng.integers(5, 40, (n, 2)), rng.random(n)]).astype(np.float32)


@pytest.mark.parametrize("n", [10, 64, 65, 300])
def test_suppression_by_union_is_torchvisions(n: int) -> None:
    ops = pytest.importorskip("torchvision.ops")
    torch = pytest.importorskip("torch")
    boxes = random_boxes(n)
    for threshold in (0.3, 0.5, 0.7):
        expected = ops.nms(torch.from_numpy(boxes[:, :4]), torch.from_numpy(boxes[:, 4]), threshold)
        assert mtcnn._suppress(boxes, threshold).tolist() == expected.tolist()


@pytest.mark.parametrize("n", [10, 64, 65, 300])
def test_suppression_by_the_smaller_box_is_facenets(n: int) -> None:
    detect_face = pytest.importorskip("facenet_pytorch.models.utils.detect_face")
    boxes = random_boxes(n)
    boxes[::7, 4] = 1
    for threshold in (0.3, 0.7):
        expected = detect_face.nms_numpy(boxes[:, :4], boxes[:, 4], threshold, "Min")
        assert mtcnn._suppress(boxes, threshold, of_smaller=True).tolist() == expected.tolist()


# The bundled graphs


def test_the_bundled_graphs_give_what_facenets_nets_give() -> None:
    nets = pytest.importorskip("facenet_pytorch.models.mtcnn")
    from training.measure import detector

    for role, net in (("pnet", nets.PNet()), ("rnet", nets.RNet()), ("onet", nets.ONet())):
        path = library.bundled_folder() / mtcnn.MODEL / f"{role}.onnx"
        assert detector.deviation(role, net, path) < detector.TOLERANCE


@pytest.mark.parametrize("role", ["pnet", "rnet", "onet"])
def test_graphs_are_their_nets_whatever_the_slopes(role: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    nets = pytest.importorskip("facenet_pytorch.models.mtcnn")
    from training.measure import detector, detector_graphs

    net = {"pnet": nets.PNet, "rnet": nets.RNet, "onet": nets.ONet}[role]()
    generator = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, torch.nn.PReLU):
            n = len(module.weight)
            slopes = 3 * torch.rand(n, generator=generator) - 1.5
            slopes[:3] = torch.tensor([0.0, 1.0, -1.0])
            module.weight.data = slopes
    path = tmp_path / "net.onnx"
    path.write_bytes(detector_graphs.build(role, net).SerializeToString())
    assert detector.deviation(role, net, path) < 1e-4


def test_a_damaged_detector_is_a_manifest_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / mtcnn.MODEL).mkdir()
    monkeypatch.setattr(library, "bundled_folder", lambda: tmp_path)
    mtcnn._session.cache_clear()
    with pytest.raises(ManifestError):
        faces.detect(np.zeros((50, 50, 3), np.uint8), device="cpu")
    mtcnn._session.cache_clear()


def test_the_bundled_detectors_manifest_and_hashes_hold() -> None:
    record = manifest.verify(library.bundled_folder() / mtcnn.MODEL)
    assert record.kind == "detect"
    assert set(record.graphs) == {"pnet", "rnet", "onet"}
