"""The one training loop: draws batches, steps the method, logs, samples, checkpoints, resumes. It knows no method."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from imgedit import interrupts
from imgedit.edits.sample import write_png
from imgedit.errors import ConfigError, DataError, OutputError, TrainingError
from imgedit.files import write_whole
from training.data.batch import Batch, Dataset, Stream
from training.method import Continues, Method, MethodConfig
from training.networks.teacher import FrozenClassifier
from training.run import checkpoint, fit
from training.run import config as configs
from training.run.record import Record

PRECISIONS = ("fp32", "bf16")
MAX_BATCH = 4096
"""Pictures of a batch that may be more than the data set has, which is then gone through several times a step."""
SAMPLE_SEED = 1_000_003  # added to the run's seed, so that the sample pictures are not the first batch


def train(
    method_id: str,
    config: MethodConfig,
    dataset: Dataset,
    run: Path,
    *,
    device: torch.device | str = "cpu",
    sample_every: int = 500,
    checkpoint_every: int = 500,
    log_every: int = 50,
    resume: bool = False,
    until: int | None = None,
    initial: Mapping[str, Any] | None = None,
    helpers: Mapping[str, FrozenClassifier] | None = None,
    about: Mapping[str, Any] | None = None,
    precision: str = "fp32",
    tensorboard: bool = True,
    console: Console | None = None,
) -> int:
    """Train a method in a run folder until its own count `steps` reaches `config.steps`, and return that count.

    On the CPU a resumed run equals the uninterrupted one to the last bit. Ctrl-C (or SIGTERM) lets the step end, saves
    and raises KeyboardInterrupt (`Terminated`); a second one, or one before there is anything to save, stops at once.

    Args:
        method_id: a key of `METHODS`.
        config: the method's `Config`.
        dataset: what to draw from.
        run: folder for `config.json`, `log.jsonl`, `samples/`, `checkpoints/` and TensorBoard's `events/`.
        device: where the method computes.
        sample_every: steps between sample grids; 0 for none.
        checkpoint_every: steps between checkpoints; one is always written at the end.
        log_every: steps that a logged mean covers.
        resume: go on from the newest checkpoint; a run that has reached its length is left as it is.
        until: stop at this step, before `config.steps`, as a run that is interrupted there; None goes to the end.
        initial: a state that the method's `initialise` starts from, as the weights of a run at another size.
        helpers: frozen classifiers that the settings name (`training.helpers.load`).
        about: what else `config.json` should hold, such as the command and the data set.
        precision: one of `PRECISIONS`; `bf16` computes convolutions and matrix products in bfloat16, and keeps weights
            and optimizers in float32 (torch.autocast).
        tensorboard: also write TensorBoard events where it is installed.
        console: where progress is shown.

    Raises:
        ConfigError: a batch is larger than the data set and than `MAX_BATCH`.
        DataError: the data set is empty.
        OutputError: the run exists and `resume` is off, or it cannot be written.
        TrainingError: a loss is not finite, or with `resume` there is no checkpoint, or a damaged one.
        KeyboardInterrupt: the user stopped the run; it was saved.
    """
    if len(dataset) == 0:
        raise DataError("the data set has no pictures for this split")
    if config.batch_size > max(len(dataset), MAX_BATCH):
        raise ConfigError(f"batch_size must be at most {max(len(dataset), MAX_BATCH)} here, got {config.batch_size}")
    run = Path(run)
    console = console or Console(stderr=True)
    device = torch.device(device)

    if not resume:
        check_new(run)
    torch.manual_seed(config.seed)
    method = configs.method_module(method_id).Method(config, device, **(helpers or {}))
    stream = Stream(dataset, config.batch_size, config.seed)
    step = 0
    end = config.steps if until is None else min(until, config.steps)
    if resume:
        step = _restore(checkpoint.latest(run), method_id, method, stream, device)
        done = step >= end
        told = (
            f"{run} is finished at step {step}; --steps N goes on to step N"
            if done
            else f"resumed {run} at step {step}"
        )
        console.print(told, highlight=False, soft_wrap=True)
    elif initial is not None:
        if not isinstance(method, Continues):
            raise TrainingError(f"{method_id} cannot start from the weights of another run")
        method.initialise(initial)
    _write_config(run, method_id, config, {"precision": precision, **(about or {})})

    fixed = next(Stream(dataset, min(config.batch_size, 16), config.seed + SAMPLE_SEED)) if sample_every else None
    counted = _Counted(stream)
    recent: dict[str, list[float]] = {}
    logged, n_images, since = step, 0, time.monotonic()
    with contextlib.ExitStack() as stack:
        saved = step
        # The first signal lets a step end, which may take minutes, unless no step has ended since the last checkpoint.
        received = stack.enter_context(interrupts.noted(lambda noted: len(noted.numbers) > 1 or step == saved))
        record = stack.enter_context(Record(run, step, tensorboard, console))
        progress = stack.enter_context(_progress(console))
        task = progress.add_task(method_id, total=end, completed=step, rate="", terms="")
        while step < end:
            before = step
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                terms = method.step(counted)
            step = method.steps
            for name, value in _finite(terms, step, run).items():
                recent.setdefault(name, []).append(value)
            progress.update(task, completed=step)

            leaving = bool(received.numbers)  # asked once: a signal from here on lets another step end, and saves that
            last = step >= end or leaving
            if last or _passed(before, step, log_every):
                seconds, drawn = max(time.monotonic() - since, 1e-9), counted.images - n_images
                rate = drawn / seconds
                row = {name: sum(values) / len(values) for name, values in recent.items()}
                record.write(step, row, drawn, seconds)
                shown = "  ".join(f"{name} {value:.3g}" for name, value in row.items())
                progress.update(task, rate=f"{rate:.1f} images/s", terms=shown)
                if not console.is_terminal:
                    left = (end - step) * seconds / (step - logged)
                    console.print(
                        f"{step}/{end}  {rate:.1f} images/s  {_clock(left)} left  {shown}",
                        highlight=False,
                        soft_wrap=True,
                    )
                recent, logged, n_images, since = {}, step, counted.images, time.monotonic()
            if fixed is not None and (last or _passed(before, step, sample_every)):
                _write_samples(run / "samples" / f"{step:07d}.png", method, fixed, device)
            if last or _passed(before, step, checkpoint_every):
                checkpoint.save(run, step, _state(step, method_id, config, method, stream, device))
                saved = step
            if leaving and step < end:
                told = f"saved {run} at step {step}; --resume goes on with it"
                console.print(told, highlight=False, soft_wrap=True, markup=False)
                raise interrupts.interrupt(received.numbers[-1])
    return step


def check_new(run: Path) -> None:
    """Complain of a folder that already holds a run.

    Raises:
        OutputError: it does.
    """
    if checkpoint.found(run):
        raise OutputError(f"{run} already holds a run; add --resume to go on with it, or name another with --run")


def _passed(before: int, step: int, every: int) -> bool:
    """Tell whether a multiple of `every` lies in `before + 1 .. step`; a method's step may count several."""
    return every > 0 and step // every > before // every


def _state(
    step: int, method_id: str, config: MethodConfig, method: Method, stream: Stream, device: torch.device
) -> dict[str, Any]:
    return {
        "step": step,
        "method_id": method_id,
        "config": configs.to_json(config),
        "method": method.state_dict(),
        "stream": stream.state_dict(),
        "torch_rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def _restore(folder: Path, method_id: str, method: Method, stream: Stream, device: torch.device) -> int:
    """Put a checkpoint's state back and return its step."""
    state = checkpoint.load_state(folder)
    if state["method_id"] != method_id:
        raise TrainingError(f"{folder} was made by {state['method_id']}, not by {method_id}")
    with fit.checked(folder, state["method"], method.state_dict(), "method"):
        method.load_state_dict(state["method"])
    own = {"step": 0, "stream": stream.state_dict(), "torch_rng": torch.get_rng_state()}
    stored = {name: state[name] for name in own if name in state}
    with fit.checked(folder, stored, own, "the state"):
        stream.load_state_dict(state["stream"])
        torch.set_rng_state(state["torch_rng"])
        if device.type == "cuda" and state["cuda_rng"] is not None:
            torch.cuda.set_rng_state(state["cuda_rng"], device)
        return int(state["step"])


def _finite(terms: Mapping[str, Tensor], step: int, run: Path) -> dict[str, float]:
    """Return the terms as numbers; the check costs one transfer from the device for all of them."""
    numbers = torch.stack([t.detach().double().reshape(()) for t in terms.values()]).tolist()
    for name, value in zip(terms, numbers, strict=True):
        if not math.isfinite(value):
            kept = checkpoint.found(run)
            where = f"the last checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
            raise TrainingError(f"{name} is {value} at step {step}; {where}; try a lower learning rate")
    return dict(zip(terms, numbers, strict=True))


class _Counted(Iterator[Batch]):
    """A stream that counts the pictures drawn; a step may draw several batches."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.images = 0

    def __next__(self) -> Batch:
        batch = next(self.stream)
        self.images += len(batch.image)
        return batch


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[terms]}", style="dim"),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def _write_config(run: Path, method_id: str, config: MethodConfig, about: Mapping[str, Any]) -> None:
    content = {"method": method_id, "config": configs.to_json(config), "torch": torch.__version__, **about}
    write_whole(run / checkpoint.CONFIG, json.dumps(content, indent=2) + "\n")


def _write_samples(path: Path, method: Method, batch: Batch, device: torch.device) -> None:
    """Draw the sample grid; what it draws at random leaves the training's random numbers as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(SAMPLE_SEED)
        grid = method.samples(batch)
    if grid is None:
        return
    pixels = (grid.clamp(0.0, 1.0) * 255.0).round().byte().permute(1, 2, 0).cpu().numpy()
    write_png(np.ascontiguousarray(pixels), path)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
