"""`imgedit evaluate tables`: methods under equal conditions, from the figures that their runs keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from imgedit.cli.common import Device, Group, Json, guarded, show_logs
from imgedit.cli.measuring import DigitClassifier, FeaturesOption, InceptionWeights
from imgedit.cli.training import Markdown, command_line, print_result, torch_extra, training_module
from imgedit.errors import ConfigError

__all__ = ["register"]

Runs = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the runs, NAME-SEED each.")]
Data = Annotated[
    str | None, typer.Option(metavar="NAME:DIR", help="Data set; needed only where a run is trained or measured.")
]
Train = Annotated[bool, typer.Option("--train", help="Train what is missing; Ctrl-C saves, the same command goes on.")]
Seeds = Annotated[int, typer.Option(min=1, metavar="N", help="Look at (or train) so many seeds.")]
Count = Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="Pictures [default: 10000].")]


def register(app: typer.Typer) -> None:
    """Add the group of commands to `imgedit evaluate`."""
    group = typer.Typer(cls=Group, no_args_is_help=True, rich_markup_mode=None, help="Compare the methods, run by run.")
    example = "Example: imgedit evaluate tables {} --runs training/results/{}"
    for function, name, folder in (
        (mnist_gans, "mnist-gans", "mnist-gans"),
        (gaussian_modes, "gaussian-modes", "gaussian-modes-grid3"),
        (mnist_latents, "mnist-latents", "mnist-latents"),
        (face_latents, "face-latents", "face-latents-fei"),
        (few_shot, "few-shot", "few-shot"),
        (translation_hair, "translation-hair", "translation-hair"),
        (translation_sleeves, "translation-sleeves", "translation-sleeves"),
        (sweep, "sweep", "sweep --markdown"),
    ):
        group.command(name, epilog=example.format(name, folder))(guarded(function))
    app.add_typer(group, name="tables")


def mnist_gans(
    runs: Runs,
    data: Data = None,
    train: Train = False,
    seeds: Seeds = 3,
    features: FeaturesOption = None,
    classifier: DigitClassifier = None,
    inception_weights: InceptionWeights = None,
    gamma: Annotated[str, typer.Option(metavar="P%|X", help="Rejection: a percentile, or a number.")] = "80%",
    n: Count = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Compare GANs on MNIST by FID."""
    more = {"features": features, "classifier": classifier, "inception_weights": inception_weights, "gamma": gamma}
    _compare("mnist-gans", runs, data, train, seeds, n, device, markdown, as_json, **more)


def gaussian_modes(
    runs: Runs,
    data: Data = None,
    train: Train = False,
    seeds: Seeds = 3,
    n: Count = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Compare GANs on points by the modes that they find.

    The layout is named by the data, such as --data gaussians:grid3 or gaussians:ring8.
    """
    _compare("gaussian-modes", runs, data, train, seeds, n, device, markdown, as_json)


ProbeRows = Annotated[
    int | None, typer.Option("--n", min=1, metavar="N", help="Training pictures of the probe [default: 20000].")
]


def mnist_latents(
    runs: Runs,
    data: Data = None,
    train: Train = False,
    seeds: Seeds = 3,
    n: ProbeRows = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Compare methods that split digits in s and z, by a probe."""
    _compare("mnist-latents", runs, data, train, seeds, n, device, markdown, as_json)


def face_latents(
    runs: Runs,
    data: Data = None,
    train: Train = False,
    seeds: Seeds = 1,
    n: ProbeRows = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Compare methods that split faces in s and z, by a probe of who, which pose and which expression.

    The data set is one of fei, ar and cfp.
    """
    _compare("face-latents", runs, data, train, seeds, n, device, markdown, as_json)


def few_shot(
    runs: Runs,
    data: Data = None,
    train: Train = False,
    seeds: Seeds = 1,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Compare trainings with 0, 1 and 10 pictures of a digit: 7, 8 or 9.

    Pictures are written into the run folders.
    """
    _compare("few-shot", runs, data, train, seeds, None, device, markdown, as_json)


Each = Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="Pictures each way [default: 200].")]


def translation_hair(
    runs: Runs,
    data: Data = None,
    train: Train = False,
    seeds: Seeds = 1,
    n: Each = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Compare VAE-GAN, CycleGAN and StarGAN: black hair made blond, blond hair made black."""
    _compare("translation-hair", runs, data, train, seeds, n, device, markdown, as_json)


def translation_sleeves(
    runs: Runs,
    data: Data = None,
    train: Train = False,
    seeds: Seeds = 1,
    n: Each = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Compare VAE-GAN, CycleGAN and StarGAN: long sleeves made short, short ones long."""
    _compare("translation-sleeves", runs, data, train, seeds, n, device, markdown, as_json)


def _compare(
    name: str,
    runs: Path,
    data: str | None,
    train: bool,
    seeds: int,
    n: int | None,
    device: str,
    markdown: bool,
    as_json: bool,
    **more: Any,
) -> None:
    if train and data is None:
        raise ConfigError("--train needs --data NAME:DIR")
    show_logs(quiet=False)
    comparison = training_module("training.evaluate.tables.comparison")
    with torch_extra():
        options = comparison.Options(n=n, device=device, command=command_line(), **more)
        result = comparison.compare(name, runs, data, options, seeds=seeds, train=train)
    print_result(result, comparison.blocks(result), as_json, markdown)


def sweep(
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the sweep, resumable.")],
    data: Annotated[str | None, typer.Option(metavar="NAME:DIR", help="Data set; for --train.")] = None,
    train: Train = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, metavar="N", help="With --train: of each run [default: 6].")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="METHOD", help="With --train: a row of mnist-latents; repeatable [default: three]."),
    ] = None,
    dims: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="With --train: size of z and s; repeatable [default: 16, 32 ... 512]."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="With --train: of the 16-d runs [default: 3].")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="With --train: a setting; repeatable.")
    ] = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Compare sizes of the code, each trained for minutes."""
    of_training = {"data": data, "minutes": minutes, "method": method, "dims": dims, "seeds": seeds, "set": settings}
    given = [name for name, value in of_training.items() if value]
    if given and not train:
        raise ConfigError(f"--{given[0]} is for --train; without it the sweep is printed as it is")
    if train and data is None:
        raise ConfigError("--train needs --data NAME:DIR")
    show_logs(quiet=False)
    sweeps = training_module("training.evaluate.tables.sweep")
    with torch_extra():
        if train:
            result = sweeps.train(
                runs,
                data,
                minutes=6.0 if minutes is None else minutes,
                methods=method or sweeps.METHODS,
                dims=dims or sweeps.DIMS,
                seeds={16: seeds or 3},
                settings=settings or [],
                device=device,
                command=command_line(),
            )
        else:
            result = sweeps.kept(runs)
    print_result(result, sweeps.blocks(result, command_line()), as_json, markdown)
