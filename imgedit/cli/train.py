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
from imgedit.errors import ImgeditError

__all__ = ["evaluate", "export", "register", "train"]


def register(app: typer.Typer) -> None:
    """Add the three commands to the application."""
    app.command(epilog="Example: imgedit train stargan --data celeba:DIR --preset hair --run runs/hair")(train)
    app.command(epilog="Example: imgedit export runs/hair -o models/stargan_hair.celeba")(export)
    app.command(epilog="Example: imgedit evaluate runs/hair --attributes --data celeba:DIR")(evaluate)


def train(
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="What to train: attribute_classifier, face_parser, stargan.")
    ],
    data: Annotated[str | None, typer.Option(metavar="NAME:DIR", help="Data set, such as celeba:DIR.")] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Named settings; the first is the default.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change one setting; repeatable.")
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
    if dry_run:
        config = start.resolve(method, preset, settings or [], steps, run if resume else None)
        typer.echo(json.dumps({"method": method, "config": _training("training.config").to_json(config)}, indent=2))
        return
    with _torch_extra():
        folder = start.begin(
            method,
            data=data,
            preset=preset,
            settings=settings or [],
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
    model: Annotated[str, typer.Argument(metavar="RUN|MODEL", help="A run folder, model folder or model id.")],
    data: Annotated[str, typer.Option(metavar="NAME:DIR", help="Data set, such as celeba:DIR.")],
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
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Also write the figures here.")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure a model on the test split; a run folder keeps the figures in evaluation.json."""
    report = _training("training.evaluate.report")
    with _torch_extra():
        result: dict[str, Any] = report.evaluate(
            model, data, attributes=attributes, classifier=classifier, n=n, seed=seed, device=device, command=_command()
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
