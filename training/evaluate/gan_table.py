"""`imgedit evaluate --table mnist-gans`: every GAN method under equal conditions, over seeds; resumable.

A run is a folder `NAME-SEED`. Finished ones are measured once and keep their figures in `evaluation.json`; the others
are trained only if asked for. Rejection is the same run sampled in another way.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from imgedit.errors import ConfigError
from training import checkpoint, game, record, start
from training.evaluate import fid, referee, rejection, report
from training.evaluate.features import Features
from training.evaluate.features import load as load_features
from training.export import EVALUATION
from training.files import write_whole

NAME = "mnist-gans"
TRAIN_PICTURES = 55_000


@dataclass(frozen=True)
class Training:
    """How a run of the table is trained, and how many seeds of it `--train` makes (None: as many as asked for)."""

    method: str
    preset: str
    settings: tuple[str, ...] = ()
    seeds: int | None = 1


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        title: for people.
        run: a key of `RUNS`.
        variant: a way of drawing, as `fid.evaluate` names it.
        reported: FID with Inception features that was reported for it; not comparable in its absolute value.
    """

    title: str
    run: str
    variant: str = "averaged"
    reported: float | None = None


RUNS = {
    "gan": Training("gan", "paper", seeds=None),
    "gan_r1": Training("gan", "r1"),
    "wgan": Training("wgan", "paper"),
    "wgan_gp": Training("wgan_gp", "paper", seeds=None),
    "unrolled_gan": Training("unrolled_gan", "paper"),
    "md_gan": Training("md_gan", "compact", (f"steps={game.REPORTED_STEPS}",)),  # its `paper` saturates
}
ROWS = (
    Row("vanilla", "gan", reported=38),
    Row("vanilla, last weights", "gan", "last"),
    Row("vanilla + R1", "gan_r1", reported=42),
    Row("WGAN (batch norm)", "wgan", reported=27),
    Row("WGAN-GP", "wgan_gp", reported=16),
    Row("WGAN-GP, last weights", "wgan_gp", "last"),
    Row("unrolled", "unrolled_gan"),
    Row("MD-GAN", "md_gan"),
    Row("vanilla + rejection by a referee", "gan", "referee", 22),
    Row("vanilla + rejection by itself", "gan", "rejection", 22),
    Row("WGAN-GP + rejection by a referee", "wgan_gp", "referee", 15),
    Row("WGAN-GP + rejection by itself", "wgan_gp", "rejection", 15),
)


def run(
    name: str,
    data: str,
    runs: Path,
    *,
    seeds: int = 3,
    train: bool = False,
    features: str = "lenet",
    classifier: str | None = None,
    n: int = fid.N,
    gamma: str = rejection.GAMMA,
    device: str = "auto",
    command: str = "",
    console: Console | None = None,
) -> dict[str, Any]:
    """Make the table, and write it as `mnist-gans.md` and `.json` into the folder of the runs.

    Args:
        name: `mnist-gans`.
        data: `mnist:DIR`.
        runs: folder of the runs.
        seeds: look at runs of seed 0 to below this.
        train: train what is missing or unfinished; Ctrl-C saves, the same command goes on.
        features: as `imgedit evaluate --features`.
        classifier: as `imgedit evaluate --classifier`.
        n: pictures of each kind.
        gamma: as `rejection.fit`.
        device: as `imgedit train --device`.
        command: what was typed, for the record.
        console: for messages; None for stderr.

    Raises:
        ConfigError: the table is unknown, a run is one of another method, or nothing is finished.
    """
    if name != NAME:
        raise ConfigError(f"--table is {NAME}, got {name!r}")
    console = console or Console(stderr=True)
    network = load_features(features, classifier, device)
    measured: dict[str, dict[int, dict[str, Any]]] = {}
    notes = []
    for stem, training in RUNS.items():
        for seed in range(seeds):
            folder = runs / f"{stem}-{seed}"
            wanted = train and seed < (seeds if training.seeds is None else training.seeds)
            if wanted and not is_finished(folder):
                _train(training, data, folder, seed, device, command)
            if not is_finished(folder):
                if checkpoint.found(folder):
                    notes.append(f"{folder.name} is not finished")
                continue
            stored = start.stored_config(folder)
            if stored["method"] != training.method:
                raise ConfigError(f"{folder} is a run of {stored['method']}, the table wants {training.method}")
            console.print(f"measuring {folder.name}", highlight=False)
            found = _measure(folder, data, network, n, gamma, device, command)
            measured.setdefault(stem, {})[seed] = found | {
                "minutes": minutes(folder),
                "epochs": stored["config"]["steps"] * stored["config"]["batch_size"] / TRAIN_PICTURES,
            }
    if not measured:
        raise ConfigError(f"no finished run such as gan-0 in {runs}; --train makes them (hours)")
    one = next(iter(next(iter(measured.values())).values()))["metrics"]
    result = {
        "table": NAME,
        "command": command,
        "data": data.partition(":")[0],
        **network.about(),
        "n_real": one["n_real"],
        "n_fake": n,
        "floor": one["floor"],
        "gamma_rule": gamma,
        "rows": rows(measured),
        "notes": notes,
    }
    for suffix, text in ((".md", markdown(result)), (".json", json.dumps(result, indent=2) + "\n")):
        write_whole(runs / f"{NAME}{suffix}", text)
    return result


def rows(measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the rows that have a run: mean and spread (standard deviation over seeds) of each figure.

    `ratio` is the FID over that of vanilla, the mean over the seeds that both have.

    Args:
        measured: run -> seed -> what `report.evaluate` returned, with `minutes` and `epochs`.
    """
    vanilla = {s: found["metrics"]["variants"]["averaged"]["fid"] for s, found in measured.get("gan", {}).items()}
    table = []
    for row in ROWS:
        found = {
            seed: result["metrics"]["variants"][row.variant] | {k: result[k] for k in ("minutes", "epochs")}
            for seed, result in measured.get(row.run, {}).items()
            if row.variant in result["metrics"]["variants"]
        }
        if not found:
            continue
        figures = list(found.values())
        line: dict[str, Any] = {"method": row.title, "seeds": sorted(found), "reported_inception": row.reported}
        for key in ("fid", "precision", "recall", "density", "coverage", "attempts", "minutes", "epochs"):
            line[key] = _spread([f[key] for f in figures])
        if all("shares" in f for f in figures):
            line["smallest_share"] = min(min(f["shares"]) for f in figures)
            line["classes_present"] = min(f["classes_present"] for f in figures)
        both = [found[s]["fid"] / vanilla[s] for s in sorted(found.keys() & vanilla.keys())]
        line["ratio"] = _spread(both) if both else None
        table.append(line)
    return table


def markdown(result: Mapping[str, Any]) -> str:
    """Return the table as Markdown."""
    lines = [
        f"# {result['table']}",
        "",
        f"FID by `{result['features']}` features of {result['network']} ({result['sha256'][:12]}), {result['n_real']} "
        f"real test and {result['n_fake']} generated pictures, resizer {result['resizer']}; training pictures score "
        f"{result['floor']:.1f}. Averaged weights unless said otherwise, rejection with gamma {result['gamma_rule']} "
        "by the calibrated discriminator or critic itself, or by a referee trained after the game. "
        "Mean ± standard deviation over seeds. Minutes are training alone. The reported figures are by Inception "
        "features and do not compare in absolute value.",
        "",
    ]
    table = _cells(result)
    widths = [max(len(cells[i]) for cells in table) for i in range(len(table[0]))]
    table.insert(1, ["-" * width for width in widths])
    lines += [f"| {' | '.join(c.ljust(w) for c, w in zip(cells, widths, strict=True))} |" for cells in table]
    if result["notes"]:
        lines += ["", "Left out: " + "; ".join(result["notes"]) + "."]
    return "\n".join([*lines, "", f"Made by `{result['command']}`.", ""])


def is_finished(folder: Path) -> bool:
    """Tell whether a run has all its steps."""
    found = checkpoint.found(folder)
    return bool(found) and int(found[-1].name) >= start.stored_config(folder)["config"]["steps"]


def minutes(folder: Path) -> float:
    """Return how long a GAN's run trained, from its log; a step is one batch."""
    batch_size = start.stored_config(folder)["config"]["batch_size"]
    seconds, before = 0.0, 0
    for line in (folder / record.LOG).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        seconds += (row["step"] - before) * batch_size / row["images_per_second"]
        before = row["step"]
    return seconds / 60


def _train(training: Training, data: str, folder: Path, seed: int, device: str, command: str) -> None:
    begun = checkpoint.found(folder)  # a run that has begun goes on with its own settings
    start.begin(
        training.method,
        data=data,
        preset=None if begun else training.preset,
        settings=() if begun else (*training.settings, f"seed={seed}"),
        run=folder,
        resume=bool(begun),
        device=device,
        sample_every=10_000,
        checkpoint_every=2_000,
        about={"command": command},
    )


def _measure(
    folder: Path, data: str, network: Features, n: int, gamma: str, device: str, command: str
) -> dict[str, Any]:
    """Return the figures of a run: those it keeps, if they were measured so, or new ones."""
    key = {
        "data": data.partition(":")[0],
        "sha256": network.sha256,
        "n": n,
        "gamma": gamma,
        "seed": 0,
        "rejection": f"the better of itself and a referee of {referee.STEPS} steps",
        "steps": int(checkpoint.latest(folder).name),
    }
    path = folder / EVALUATION
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.get("measured_as") == key:
            return dict(kept)
    result = report.generators(str(folder), data, network, n=n, gamma=gamma, device=device, command=command)
    result["measured_as"] = key
    report.write(result, str(folder))
    return result


def _spread(values: list[float]) -> dict[str, float | None]:
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "spread": spread}


def _cells(result: Mapping[str, Any]) -> list[list[str]]:
    """Return the header and the rows as text."""
    names = ("method", "seeds", "epochs", "minutes", "FID", "of vanilla", "precision", "recall", "density", "coverage",
             "digits", "smallest share", "attempts", "reported")  # fmt: skip
    table = [list(names)]
    for row in result["rows"]:
        share = row.get("smallest_share")
        table.append(
            [
                row["method"],
                str(len(row["seeds"])),
                f"{row['epochs']['mean']:.0f}",
                _figure(row["minutes"], 0),
                _figure(row["fid"], 1),
                _figure(row["ratio"], 2),
                *(_figure(row[key], 3) for key in ("precision", "recall", "density", "coverage")),
                str(row.get("classes_present", "")),
                "" if share is None else f"{100 * share:.1f} %",
                _figure(row["attempts"], 2),
                "" if row["reported_inception"] is None else f"{row['reported_inception']:g}",
            ]
        )
    return table


def _figure(value: Mapping[str, float | None] | None, digits: int) -> str:
    if value is None:
        return ""
    spread = value["spread"]
    return f"{value['mean']:.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")
