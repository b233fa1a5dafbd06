"""The training loop: order, log, checkpoints, resume, stop."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from rich.console import Console
from training_toys import Config, Method, Pictures

from imgedit.errors import DataError, OutputError, TrainingError
from imgedit.interrupts import Terminated
from training.run import checkpoint, loop, record

pytestmark = pytest.mark.usefixtures("toy")


def run_toy(run: Path, config: Config | None = None, **options: Any) -> int:
    options = {"tensorboard": False, "sample_every": 0, "checkpoint_every": 100, "log_every": 1} | options
    console = options.pop("console", Console(file=io.StringIO()))
    return loop.train("toy", config or Config(), Pictures(10, 8), run, console=console, **options)


def state_of(run: Path) -> Any:
    return checkpoint.load(checkpoint.latest(run))


def assert_same(a: Any, b: Any, where: str = "") -> None:
    """Compare nested states to the last bit."""
    assert type(a) is type(b), where
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype, where
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}/{i}")
    else:
        assert a == b, where


def rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_same_seed_gives_the_same_run_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        run_toy(tmp_path / name, Config(seed=seed))
    assert_same(state_of(tmp_path / "a"), state_of(tmp_path / "b"))
    assert not torch.equal(
        state_of(tmp_path / "a")["method"]["network"]["0.weight"],
        state_of(tmp_path / "c")["method"]["network"]["0.weight"],
    )


def test_resumed_run_equals_the_uninterrupted_one_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_toy(tmp_path / "whole")
    step = Method.step

    def stop_at_seven(self: Method, stream: Any) -> Any:
        if self.steps == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, stream)

    monkeypatch.setattr(Method, "step", stop_at_seven)
    with pytest.raises(KeyboardInterrupt):
        run_toy(tmp_path / "cut", sample_every=2)
    monkeypatch.undo()
    from training_toys import install

    install(monkeypatch)
    assert checkpoint.latest(tmp_path / "cut").name == "0000007"
    torch.manual_seed(99)  # what another process would start with
    assert run_toy(tmp_path / "cut", resume=True) == 12
    assert_same(state_of(tmp_path / "whole"), state_of(tmp_path / "cut"))
    strip = [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows(tmp_path / "cut")]
    assert strip == [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows(tmp_path / "whole")]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("n_done", [0, 5])
def test_a_signal_in_a_long_step_stops_at_once_where_all_is_saved(
    sent: signal.Signals, n_done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, ended = Method.step, []

    def long_step(self: Method, stream: Any) -> Any:
        if self.steps == n_done:
            os.kill(os.getpid(), sent)
            ended.append(step(self, stream))
        return step(self, stream)

    monkeypatch.setattr(Method, "step", long_step)
    with pytest.raises(KeyboardInterrupt) as caught:
        run_toy(tmp_path / "r", checkpoint_every=5)
    assert isinstance(caught.value, Terminated) == (sent == signal.SIGTERM)
    assert ended == []
    assert [folder.name for folder in checkpoint.found(tmp_path / "r")] == ["0000005"][: n_done // 5]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_sigterm_sent_twice_as_timeout_does_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Method.step

    def killed(self: Method, stream: Any) -> Any:
        if self.steps == 6:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGTERM)
        return step(self, stream)

    monkeypatch.setattr(Method, "step", killed)
    with pytest.raises(Terminated):
        run_toy(tmp_path / "r")
    assert checkpoint.latest(tmp_path / "r").name == "0000007"


def test_ctrl_c_between_step_and_checkpoint_is_saved_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped_while_drawing(self: Method, batch: Any) -> None:
        if self.steps == 4:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Method, "samples", stopped_while_drawing)
    with pytest.raises(KeyboardInterrupt):
        run_toy(tmp_path / "r", sample_every=4)
    assert checkpoint.latest(tmp_path / "r").name == f"{rows(tmp_path / 'r')[-1]['step']:07d}"


def test_rows_after_the_checkpoint_are_dropped_on_resume(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        run_toy(tmp_path / "r", Config(nan_at=9), checkpoint_every=5)
    assert [r["step"] for r in rows(tmp_path / "r")] == list(range(1, 9))
    log = tmp_path / "r" / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 9, "lo')  # a crash in mid-line
    run_toy(tmp_path / "r", resume=True)
    assert [r["step"] for r in rows(tmp_path / "r")] == list(range(1, 13))


def test_non_finite_loss_names_the_step_and_the_term_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="loss_other is nan at step 9"):
        run_toy(tmp_path / "r", Config(nan_at=9), checkpoint_every=4)
    assert [p.name for p in checkpoint.found(tmp_path / "r")] == ["0000004", "0000008"]


@pytest.mark.parametrize("broken", ["inf", "-inf"])
def test_an_infinite_loss_stops_the_run(broken: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"loss_other is {broken} at step 3"):
        run_toy(tmp_path / "r", Config(nan_at=3, broken=broken))
    assert [r["step"] for r in rows(tmp_path / "r")] == [1, 2]


def test_only_the_newest_two_checkpoints_stay(tmp_path: Path) -> None:
    run_toy(tmp_path / "r", checkpoint_every=2)
    assert [p.name for p in checkpoint.found(tmp_path / "r")] == ["0000010", "0000012"]


def test_a_step_that_counts_several_ends_at_the_configured_count(tmp_path: Path) -> None:
    assert run_toy(tmp_path / "r", Config(stride=5, steps=20), checkpoint_every=7, log_every=10) == 20
    assert [r["step"] for r in rows(tmp_path / "r")] == [10, 20]
    assert [p.name for p in checkpoint.found(tmp_path / "r")] == ["0000015", "0000020"]


def test_existing_run_is_not_touched_without_resume(tmp_path: Path) -> None:
    run_toy(tmp_path / "r")
    with pytest.raises(OutputError, match="already holds a run; add --resume"):
        run_toy(tmp_path / "r")


def test_finished_run_resumes_to_nothing(tmp_path: Path) -> None:
    run_toy(tmp_path / "r")
    before = state_of(tmp_path / "r")
    assert run_toy(tmp_path / "r", resume=True) == 12
    assert_same(before, state_of(tmp_path / "r"))


def test_samples_are_written_and_do_not_change_the_run(tmp_path: Path) -> None:
    run_toy(tmp_path / "plain")
    run_toy(tmp_path / "sampled", sample_every=5)
    names = sorted(p.name for p in (tmp_path / "sampled" / "samples").iterdir())
    assert names == ["0000005.png", "0000010.png", "0000012.png"]
    with Image.open(tmp_path / "sampled" / "samples" / names[0]) as picture:
        assert (picture.size, picture.mode) == ((8, 8), "RGB")
    assert_same(state_of(tmp_path / "plain"), state_of(tmp_path / "sampled"))


def test_log_holds_means_and_speed_and_config_says_how(tmp_path: Path) -> None:
    run_toy(tmp_path / "one")
    run_toy(tmp_path / "four", log_every=4, about={"command": "imgedit train toy", "data": "celeba:there"})
    single = [r["loss_l2"] for r in rows(tmp_path / "one")]
    grouped = rows(tmp_path / "four")
    assert [r["step"] for r in grouped] == [4, 8, 12]
    for i, row in enumerate(grouped):
        assert row["loss_l2"] == pytest.approx(sum(single[4 * i : 4 * i + 4]) / 4, rel=1e-12)
        assert row["images_per_second"] > 0
        assert row["images"] == 4 * 4  # steps, pictures each
    stored = json.loads((tmp_path / "four" / "config.json").read_text())
    assert stored["method"] == "toy"
    assert stored["config"]["lr"] == 0.01
    assert stored["command"] == "imgedit train toy"


def test_progress_without_a_terminal_is_plain_lines_with_speed_and_time_left(tmp_path: Path) -> None:
    out = io.StringIO()
    run_toy(tmp_path / "r", log_every=6, console=Console(file=out, width=200))
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("6/12  ")
    assert "images/s" in lines[0]
    assert "0:00:00 left" in lines[1]


def test_bf16_computes_otherwise_and_keeps_the_weights_in_single_precision(tmp_path: Path) -> None:
    run_toy(tmp_path / "single")
    run_toy(tmp_path / "half", precision="bf16")
    single, half = (state_of(tmp_path / name)["method"]["network"]["0.weight"] for name in ("single", "half"))
    assert half.dtype == torch.float32
    assert not torch.equal(single, half)
    torch.testing.assert_close(single, half, rtol=0.1, atol=0.02)
    stored = [json.loads((tmp_path / name / "config.json").read_text())["precision"] for name in ("single", "half")]
    assert stored == ["fp32", "bf16"]


def test_tensorboard_events_are_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run_toy(tmp_path / "r", tensorboard=True)
    assert list((tmp_path / "r" / "events").glob("events.out.*"))


def test_empty_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures"):
        loop.train("toy", Config(), Pictures(0, 8), tmp_path / "r")


def test_truncated_checkpoint_is_named(tmp_path: Path) -> None:
    run_toy(tmp_path / "r")
    tensors = checkpoint.latest(tmp_path / "r") / checkpoint.TENSORS
    tensors.write_bytes(tensors.read_bytes()[:-10])
    with pytest.raises(TrainingError, match=r"0000012/tensors\.safetensors is damaged"):
        run_toy(tmp_path / "r", Config(steps=20), resume=True)


def test_checkpoint_round_trip_keeps_types_keys_strides_and_shared_tensors(tmp_path: Path) -> None:
    weight = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    state = {
        "w": weight,
        "tied": weight,
        "half": torch.randn(3).half(),
        "scalar": torch.tensor(3),
        "list": [1, (2.5, None), {"x": True}],
        "state": {0: {"step": torch.tensor(1.0)}, 1: {}},
        "big": 2**127 + 1,
        "tiny": 5e-324,
        "text": "é",
    }
    loaded = checkpoint.load(checkpoint.save(tmp_path, 1, state))
    assert_same(state, loaded)
    assert loaded["w"].stride() == weight.stride()


@pytest.mark.parametrize("part", ["tensors", "state"])
def test_a_checkpoint_has_its_name_only_once_it_is_whole(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(tmp_path, 1, {"a": torch.ones(2)})
    at_work: list[list[str]] = []

    def interrupted(*_: Any, **__: Any) -> None:
        at_work.append([p.name for p in checkpoint.found(tmp_path)])
        raise KeyboardInterrupt

    owner, name = (checkpoint, "save_file") if part == "tensors" else (Path, "write_text")
    monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(tmp_path, 2, {"a": torch.ones(2)})
    monkeypatch.undo()
    assert at_work == [["0000001"]]
    assert [p.name for p in checkpoint.found(tmp_path)] == ["0000001"]
    assert checkpoint.save(tmp_path, 2, {"a": torch.ones(2)}).name == "0000002"
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["0000001", "0000002"]


def test_a_failed_save_leaves_the_earlier_checkpoint_alone(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, {"a": 1})
    with pytest.raises(TypeError, match="cannot hold object at /b"):
        checkpoint.save(tmp_path, 2, {"b": object()})
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["0000001"]


def test_a_run_goes_on_without_tensorboard_when_that_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def add_scalar(self, name: str, value: float, step: int) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(record, "_writer", lambda folder, step: Broken())
    console = Console(file=io.StringIO(), width=200)
    assert run_toy(tmp_path / "r", tensorboard=True, console=console) == 12
    assert console.file.getvalue().count("TensorBoard stopped ([Errno 28] No space left on device)") == 1
    assert [row["step"] for row in rows(tmp_path / "r")] == list(range(1, 13))
