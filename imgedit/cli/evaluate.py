"""`imgedit evaluate`: what to measure of a run or model, a table or a sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from imgedit.cli.common import Device, Json
from imgedit.cli.training import command_line, torch_extra, training_module
from imgedit.errors import ConfigError

__all__ = ["evaluate", "register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit evaluate runs/hair --attributes --data celeba:DIR")(evaluate)


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
    hair_classifier: Annotated[
        str | None,
        typer.Option(metavar="RUN|MODEL", help="Judge of hair colours, shown the hair alone [default: the bundled]."),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, metavar="N", help="So many test pictures, drawn by --seed [default: all]."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which pictures.")] = 0,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Faces of CelebA: test, or valid, to choose a model by.")
    ] = "test",
    fid: Annotated[
        bool, typer.Option("--fid", help="Compare drawn with real pictures (for sample; points need no option).")
    ] = False,
    features: Annotated[
        str, typer.Option(metavar="NAME", help="What --fid compares by: lenet (of --classifier) or inception.")
    ] = "lenet",
    gamma: Annotated[
        str, typer.Option(metavar="P%|X", help="Rejection: the percentile that is kept half the time, or a number.")
    ] = "80%",
    table: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="NAME", help="mnist-gans, gaussian-modes or mnist-latents: all methods, from the --runs."
        ),
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
        list[str] | None,
        typer.Option(metavar="METHOD", help="Row of mnist-latents to sweep; repeatable [default: all three methods]."),
    ] = None,
    dims: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Size of z and s; repeatable [default: 16, 32 ... 512].")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Seeds of a table, and of the sweep's 16-d runs.")] = 3,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Setting of the sweep's runs; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Also write the figures here.")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure a model on the test split; a run folder keeps those figures in evaluation.json."""
    if table is not None:
        tables = training_module("training.evaluate.tables.tables")
        with torch_extra():
            options = tables.Options(features, classifier, n, gamma, device, command_line())
            made, text = tables.run(table, data, runs, options, seeds=seeds, train=train_missing)
        typer.echo(json.dumps(made, indent=2) if as_json else text)
        return
    if model is None:
        raise ConfigError("say what to measure: a run folder, a model, or --table mnist-gans")
    if sweep:
        sweeps = training_module("training.evaluate.tables.sweep")
        with torch_extra():
            found = sweeps.run(
                model,
                data,
                minutes=minutes,
                methods=method or sweeps.METHODS,
                dims=dims or sweeps.DIMS,
                seeds={16: seeds},
                settings=settings or [],
                device=device,
                command=command_line(),
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
    report = training_module("training.evaluate.report")
    with torch_extra():
        result: dict[str, Any] = report.evaluate(
            model,
            data,
            attributes=attributes,
            classifier=classifier,
            hair_classifier=hair_classifier,
            parts=[name for name, on in flags.items() if on],
            specified=specified,
            features=features if fid else None,
            gamma=gamma,
            n=n,
            seed=seed,
            split=split,
            device=device,
            command=command_line(),
        )
        report.write(result, model, out)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        report.show(result, model)
