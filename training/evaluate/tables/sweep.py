"""Robustness over the size of the code: train and probe every METHOD x dimensions x seed, resumable at any moment."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console

from imgedit.errors import ConfigError, TrainingError
from imgedit.files import write_whole
from imgedit.text import reason
from training.data.batch import Dataset, Stream
from training.evaluate.codes import report
from training.evaluate.codes.grids import DPI, save
from training.evaluate.layout import Block, Table, Title, Verbatim
from training.evaluate.tables.comparison import Training
from training.evaluate.tables.mnist_latents import RUNS, SOURCES
from training.evaluate.tables.spread import plus_minus, spread
from training.run import checkpoint
from training.run import config as configs
from training.run.device import torch_device
from training.train import begin, load_data

METHODS = ("cycle_vae", "mathieu", "szabo")
DIMS = (16, 32, 64, 128, 256, 512)
SHORT: Mapping[str, Sequence[str]] = {"szabo": ("lambda_adv=100", "accuracy_limit=1")}
"""Method -> settings in place of its table row's: minutes are too short for an adversary so strong."""
STUDY: Mapping[tuple[str, int], float] = {
    ("cycle_vae", dims): z for dims, z in zip(DIMS[1:], (16.96, 17.36, 18.89, 18.75, 20.22), strict=True)
}
"""Method and dims -> accuracy in % with which a study of Jha et al.'s code found the class in z, sampled."""
RESULT = "sweep.json"
MEASURED = 10.0
"""Seconds of steps from which the length of a run is reckoned."""


def train(
    folder: str | Path,
    data: str,
    *,
    minutes: float,
    methods: Sequence[str] = METHODS,
    dims: Sequence[int] = DIMS,
    seeds: Mapping[int, int] | int = 1,
    settings: Sequence[str] = (),
    device: str = "auto",
    command: str = "",
    console: Console | None = None,
) -> dict[str, Any]:
    """Train every combination that is not there yet, probe it, and write figures and plot anew after each.

    The folder gets one run folder a combination (`METHOD-DIMS-SEED`), `sweep.json` and `sweep.png`. A run's
    steps follow from the budget and the speed of its first steps, once; they are kept in `sweep.json`, so that an
    interrupted run goes on to the same length.

    Args:
        folder: where the sweep lives.
        data: `NAME:DIR`.
        minutes: of training a run, without the probe.
        methods: rows of the table `mnist-latents` (with their settings there, or `SHORT`), or other ids (with their
            first preset).
        dims: dimensions of z and of s.
        seeds: how many seeds, for all dims or by dims (those not named: one).
        settings: further `field=value` for every run.
        device: where to compute.
        command: kept with the figures.
        console: where progress is said.

    Returns:
        What `sweep.json` holds.

    Raises:
        ConfigError: the folder holds a sweep with another budget, data set or settings, or a value is out of range.
        KeyboardInterrupt: the user stopped; the run was saved.
    """
    if not minutes > 0:
        raise ConfigError(f"a sweep needs a budget of minutes a run above 0, got {minutes}")
    folder, console = Path(folder), console or Console(stderr=True)
    result = _stored(folder, {"data": data.partition(":")[0], "minutes": minutes, "settings": list(settings)})
    result["command"] = command
    for method_id, n_dims, seed in combinations(methods, dims, seeds):
        name = f"{method_id}-{n_dims}-{seed}"
        row = result["runs"].setdefault(name, {"method": method_id, "dims": n_dims, "seed": seed})
        if "metrics" in row:
            continue
        console.print(f"{name}: {minutes:g} minutes", highlight=False)
        training = swept(method_id, [*settings, f"s_dim={n_dims}", f"z_dim={n_dims}", f"seed={seed}"])
        if "steps" not in row:
            row["steps"] = affordable_steps(training, data, minutes, device)
            _write(folder, result)
        begun = time.monotonic()
        _train(folder / name, training, data, row["steps"], device, command)
        row["minutes_of_last_start"] = round((time.monotonic() - begun) / 60, 2)
        row["metrics"] = report.evaluate(folder / name, data, parts=("probe",), device=device)["metrics"]
        _write(folder, result)
    _write(folder, result)
    return result


def combinations(
    methods: Sequence[str], dims: Sequence[int], seeds: Mapping[int, int] | int
) -> list[tuple[str, int, int]]:
    """Return (method, dims, seed), the first seed of everything first, so that the table fills evenly."""
    counts = {d: seeds if isinstance(seeds, int) else seeds.get(d, 1) for d in dims}
    return [(m, d, s) for s in range(max(counts.values(), default=0)) for d in dims if s < counts[d] for m in methods]


def swept(name: str, settings: Sequence[str]) -> Training:
    """Return how a method of the sweep is trained; the settings come after its own."""
    own = RUNS.get(name) or Training(name, next(iter(configs.method_module(name).PRESETS)))
    return Training(own.method, own.preset, (*own.settings, *SHORT.get(name, ()), *settings))


def affordable_steps(training: Training, data: str, minutes: float, device: str) -> int:
    """Reckon how many steps of a new run fit into the budget, from the speed of its first ones."""
    config = configs.resolve(training.method, training.preset, training.settings)
    module = configs.method_module(training.method)
    dataset: Dataset = load_data(data, "train", module.Method.data_options(config))
    method, stream = module.Method(config, torch_device(device)), Stream(dataset, config.batch_size, config.seed)
    method.step(stream)  # the first one also allocates
    first, begun = method.steps, time.monotonic()
    allowed = min(MEASURED, 6.0 * minutes)  # a tenth of a short budget
    while (seconds := time.monotonic() - begun) < allowed or method.steps == first:
        method.step(stream)
    return max(1, int(60.0 * minutes * (method.steps - first) / seconds))


def kept(folder: Path) -> dict[str, Any]:
    """Return what a sweep has found so far.

    Raises:
        ConfigError: there is no sweep.
        TrainingError: its file cannot be read.
    """
    if not (folder / RESULT).is_file():
        raise ConfigError(f"no sweep in {folder}; --train makes one")
    return _read(folder / RESULT)


def blocks(result: Mapping[str, Any], command: str) -> list[Block]:
    """Return the finished runs as a table: one row for method and dims, mean and spread over its seeds."""
    rows = []
    for (method_id, n_dims), found in grouped(result).items():
        metrics = [r["metrics"] for r in found]
        kl = [m["z"]["kl_nats"] for m in metrics if "kl_nats" in m["z"]]
        rows.append(
            [
                method_id,
                str(n_dims),
                str(len(found)),
                *(_accuracies(metrics, source) for source in SOURCES),
                f"{STUDY[method_id, n_dims]:.2f}" if (method_id, n_dims) in STUDY else "",
                f"{100 * metrics[0]['probe']['chance']:.1f}",
                _spread(kl, 2),
                _spread([m["z"]["active_dimensions"] for m in metrics], 0),
                _spread([m["reconstruction"]["sse"] for m in metrics], 2),
                _spread([r["steps"] for r in found], 0),
            ]
        )
    header = (
        "method", "z = s", "seeds", *SOURCES, "study, z", "chance", "KL, nats", "active", "error a picture", "steps"
    )  # fmt: skip
    return [
        Title("sweep"),
        f"Data {result['data']}, {result['minutes']:g} minutes of training a run. Test accuracy of the MLP probe in %, "
        "in brackets of the SVM; where there are several seeds, mean ± standard deviation (n - 1). Rows of one seed "
        "have no spread to be known, so that what parts them may be chance. Steps follow from the speed of a run's "
        "first ones, so that one that shared its processor then makes fewer. The study trained the code of Jha et al.; "
        "cycle_vae is here what mnist-latents calls independent.",
        Table(header, rows, n_keys=2),
        "Made by:",
        Verbatim([command]),
    ]


def grouped(result: Mapping[str, Any]) -> dict[tuple[str, int], list[Mapping[str, Any]]]:
    """Return the finished runs by method and dims, both in order."""
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in result["runs"].values():
        if "metrics" in row:
            groups.setdefault((row["method"], row["dims"]), []).append(row)
    return dict(sorted(groups.items()))


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Draw accuracy against dims: z sampled, z mean and s, a line a method, a dot a seed.

    Raises:
        OutputError: the file cannot be written.
    """
    groups = grouped(result)
    figure = Figure((12.0, 4.0), dpi=DPI, layout="constrained")
    for ax, source in zip(figure.subplots(1, 3), SOURCES, strict=True):
        for i, method_id in enumerate(sorted({m for m, _ in groups})):
            points = {
                d: [100 * r["metrics"]["probe"]["rows"][source]["mlp"]["test_accuracy"] for r in rows]
                for (m, d), rows in groups.items()
                if m == method_id and all(source in r["metrics"]["probe"]["rows"] for r in rows)
            }
            if points:
                colour = f"C{i}"
                ax.plot(list(points), [np.mean(v) for v in points.values()], color=colour, label=method_id)
                ax.scatter(
                    [d for d, v in points.items() for _ in v], np.concatenate(list(points.values())), s=10, color=colour
                )
        for chance in {r["metrics"]["probe"]["chance"] for rows in groups.values() for r in rows}:
            ax.axhline(100 * chance, color="0.6", linestyle=":", linewidth=1)
        ax.set_xscale("log", base=2)
        ax.set(title=source, xlabel="dimensions of z and of s", ylabel="test accuracy, %", ylim=(0, 100))
    handles = {label: h for ax in figure.axes for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(list(handles.values()), list(handles), loc="outside right upper")
    save(figure, path)


def _train(run: Path, training: Training, data: str, steps: int, device: str, command: str) -> None:
    new = not checkpoint.found(run)
    begin(
        training.method,
        data=data,
        preset=training.preset if new else None,
        settings=training.settings if new else (),
        run=run,
        resume=not new,
        device=device,
        steps=steps,
        sample_every=steps,
        checkpoint_every=max(steps // 10, 1),
        about={"command": command},
    )


def _stored(folder: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the sweep of a folder, or a new one."""
    path = folder / RESULT
    if not path.is_file():
        return {**wanted, "runs": {}}
    found = _read(path)
    for key, value in wanted.items():
        if found.get(key) != value:
            raise ConfigError(
                f"{folder} holds a sweep with {key} {found.get(key)!r}, not {value!r}; name another folder"
            )
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: {reason(error)}") from error
    if not isinstance(found, dict) or not isinstance(found.get("runs"), dict):
        raise TrainingError(f"{path} cannot be read: it holds no runs")
    return found


def _write(folder: Path, result: Mapping[str, Any]) -> None:
    """Write `sweep.json`, and with it the plot."""
    write_whole(folder / RESULT, json.dumps(result, indent=2) + "\n")
    plot(result, folder / "sweep.png")


def _accuracies(metrics: Sequence[Mapping[str, Any]], source: str) -> str:
    rows = [m["probe"]["rows"][source] for m in metrics if source in m["probe"]["rows"]]
    if not rows:
        return "–"
    mlp, svm = (_spread([100 * row[kind]["test_accuracy"] for row in rows], 2) for kind in ("mlp", "svm"))
    return f"{mlp} ({svm})"


def _spread(values: Sequence[float], digits: int) -> str:
    return plus_minus(spread(values), digits) if values else "–"
