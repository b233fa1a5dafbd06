"""`imgedit train`, `export` and `evaluate`: the only commands that import `training`, and only once they run."""

from __future__ import annotations

import contextlib
import importlib
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from imgedit.cli.common import Device, Json, Overwrite
from imgedit.errors import ConfigError, ImgeditError

__all__ = ["evaluate", "export", "register", "train"]


def register(app: typer.Typer) -> None:
    """Add the three commands to the application."""
    app.command(epilog="Example: imgedit train stargan --data celeba:DIR --preset hair --run runs/hair")(train)
    app.command(epilog="Example: imgedit export runs/hair -o models/stargan_hair.celeba")(export)
    app.command(epilog="Example: imgedit evaluate runs/hair --attributes --data celeba:DIR")(evaluate)


def train(
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            help="What to train: attribute_classifier, cycle_vae, digit_classifier, face_parser, gan, mathieu, md_gan, "
            "pixel_vae, stargan, szabo, unrolled_gan, vae, wgan, wgan_gp.",
        ),
    ],
    data: Annotated[str | None, typer.Option(metavar="NAME:DIR", help="Data set, such as celeba:DIR.")] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Named settings; the first is the default.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change one setting; repeatable.")
    ] = None,
    specified: Annotated[
        str | None,
        typer.Option(metavar="FACTOR", help="What s is, for methods with s and z: identity, pose, expression ..."),
    ] = None,
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="Run folder [default: runs/METHOD-PRESET].")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run folder's newest checkpoint.")] = False,
    init: Annotated[Path | None, typer.Option(metavar="RUN", help="Start from the weights of another run.")] = None,
    device: Device = "auto",
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Train until this step.")] = None,
    sample_every: Annotated[int, typer.Option(min=0, metavar="N", help="Steps between sample grids; 0: none.")] = 500,
    checkpoint_every: Annotated[int, typer.Option(min=1, metavar="N", help="Steps between checkpoints.")] = 500,
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads [default: all cores].")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved settings as JSON and stop.")] = False,
) -> None:
    """Train a model; Ctrl-C saves, --resume goes on."""
    start = _training("training.start")
    settings = [*(settings or []), *([] if specified is None else [f"specified={specified}"])]
    if dry_run:
        config = start.resolve(method, preset, settings, steps, run if resume else None)
        typer.echo(json.dumps({"method": method, "config": _training("training.config").to_json(config)}, indent=2))
        return
    with _torch_extra():
        folder = start.begin(
            method,
            data=data,
            preset=preset,
            settings=settings,
            run=run,
            resume=resume,
            device=device,
            steps=steps,
            sample_every=sample_every,
            checkpoint_every=checkpoint_every,
            threads=threads,
            init=init,
            about={"command": _command()},
        )
    typer.echo(str(folder))


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of `imgedit train`.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The model folder to make.")],
    model_id: Annotated[str | None, typer.Option("--id", metavar="METHOD.DATASET", help="The model's id.")] = None,
    version: Annotated[str, typer.Option(help="The model's version.")] = "1.0.0",
    overwrite: Overwrite = False,
) -> None:
    """Write a model folder from a run; refused unless ONNX Runtime agrees with torch."""
    exporter = _training("training.export")
    with _torch_extra():
        manifest = exporter.export(run, out, model_id=model_id, version=version, overwrite=overwrite)
    worst = max(manifest.training["onnx_max_difference"].values())
    size = sum(graph.bytes for graph in manifest.graphs.values())
    typer.echo(f"{out}: {manifest.id}, {size / 1e6:.2f} MB, differs from torch by at most {worst:.1e}")


def evaluate(
    data: Annotated[str, typer.Option(metavar="NAME:DIR", help="Data set, such as celeba:DIR.")],
    model: Annotated[
        str | None, typer.Argument(metavar="RUN|MODEL", help="A run folder, model folder or id; none for --table.")
    ] = None,
    attributes: Annotated[bool, typer.Option("--attributes", help="Measure attribute edits (for translate).")] = False,
    classifier: Annotated[
        str | None,
        typer.Option(metavar="RUN|MODEL", help="Judge of the edits, trained apart [default: the bundled judge]."),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, metavar="N", help="So many test pictures, drawn by --seed [default: all]."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which pictures.")] = 0,
    fid: Annotated[bool, typer.Option("--fid", help="Compare drawn with real pictures (for sample).")] = False,
    features: Annotated[
        str, typer.Option(metavar="NAME", help="What --fid compares by: lenet (of --classifier) or inception.")
    ] = "lenet",
    gamma: Annotated[
        str, typer.Option(metavar="P%|X", help="Rejection: the percentile that is kept half the time, or a number.")
    ] = "80%",
    table: Annotated[
        str | None, typer.Option("--table", metavar="NAME", help="mnist-gans: --fid of all runs below --runs.")
    ] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Runs of the table, METHOD-SEED each.")] = Path("runs"),
    train_missing: Annotated[bool, typer.Option("--train", help="Train what the table misses; resumable.")] = False,
    probe: Annotated[bool, typer.Option("--probe", help="What z and s tell of the class (latent methods).")] = False,
    tsne: Annotated[bool, typer.Option("--tsne", help="Maps of z and s (latent methods).")] = False,
    swap: Annotated[bool, typer.Option("--swap", help="Grid: s of one picture, z of another.")] = False,
    interpolate: Annotated[bool, typer.Option("--interpolate", help="Grid between two pictures in s and z.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Grid: random z with s fixed.")] = False,
    few_shot: Annotated[bool, typer.Option("--few-shot", help="0, 1 and 10 pictures of unseen classes.")] = False,
    specified: Annotated[
        str | None, typer.Option(metavar="FACTOR", help="Factor to probe [default: the one that was trained].")
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Train and probe sizes of the code; RUN is the folder, resumable.")
    ] = False,
    minutes: Annotated[
        float, typer.Option(min=0.01, metavar="N", help="Training of each run of the sweep, minutes.")
    ] = 6.0,
    method: Annotated[
        list[str] | None, typer.Option(metavar="METHOD", help="Method of the sweep; repeatable [default: all three].")
    ] = None,
    dims: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Size of z and s; repeatable [default: 16, 32 ... 512].")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Seeds of the sweep's 16-d runs; others: one.")] = 3,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Setting of the sweep's runs; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Also write the figures here.")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure a model on the test split; a run folder keeps the figures in evaluation.json."""
    if table is not None:
        tables = _training("training.evaluate.gan_table")
        with _torch_extra():
            made = tables.run(
                table,
                data,
                runs,
                seeds=seeds,
                train=train_missing,
                features=features,
                classifier=classifier,
                n=n or tables.fid.N,
                gamma=gamma,
                device=device,
                command=_command(),
            )
        typer.echo(json.dumps(made, indent=2) if as_json else tables.markdown(made))
        return
    if model is None:
        raise ConfigError("say what to measure: a run folder, a model, or --table mnist-gans")
    if sweep:
        sweeps = _training("training.evaluate.sweep")
        with _torch_extra():
            found = sweeps.run(
                model,
                data,
                minutes=minutes,
                methods=method or sweeps.METHODS,
                dims=dims or sweeps.DIMS,
                seeds={16: seeds},
                settings=settings or [],
                device=device,
                command=_command(),
            )
        typer.echo(json.dumps(found, indent=2) if as_json else sweeps.table(found))
        return
    flags = {
        "probe": probe,
        "tsne": tsne,
        "swap": swap,
        "interpolate": interpolate,
        "sample": sample,
        "few-shot": few_shot,
    }
    report = _training("training.evaluate.report")
    with _torch_extra():
        result: dict[str, Any] = report.evaluate(
            model,
            data,
            attributes=attributes,
            classifier=classifier,
            parts=[name for name, on in flags.items() if on],
            specified=specified,
            features=features if fid else None,
            gamma=gamma,
            n=n,
            seed=seed,
            device=device,
            command=_command(),
        )
        report.write(result, model, out)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        report.show(result)


def _training(name: str) -> ModuleType:
    """Import a module of `training`."""
    with _torch_extra():
        return importlib.import_module(name)


@contextlib.contextmanager
def _torch_extra() -> Iterator[None]:
    """Turn a missing third-party module into a sentence; a missing module of our own stays a bug."""
    try:
        yield
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        if top in ("imgedit", "training", ""):
            raise
        extra = "evaluate" if top in ("dlib", "face_recognition_models") else "train"
        raise ImgeditError(f"this command needs {top}: pip install 'imgedit[{extra}]'") from error


def _command() -> str:
    return shlex.join(["imgedit", *sys.argv[1:]])
