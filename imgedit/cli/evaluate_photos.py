"""`imgedit evaluate` of edited photos: faces, poses, expressions, sleeves, people, hair and seconds."""

from __future__ import annotations

from typing import Annotated

import typer

from imgedit.cli.common import Device, Json, guarded, show_logs
from imgedit.cli.measuring import Data, Model, Network, Out, Seed, measure
from imgedit.cli.training import Markdown, print_result, torch_extra, training_module
from imgedit.errors import ConfigError

__all__ = ["register"]

PAINTER = "sleeve_painter.sleeve_models"


def register(group: typer.Typer) -> None:
    """Add the commands to `imgedit evaluate`."""
    group.command(epilog="Example: imgedit evaluate faces stargan_hair.celeba --data celeba:DIR --n 200")(
        guarded(faces)
    )
    group.command(epilog="Example: imgedit evaluate pose --data celebamask_hq:DIR --every --n 60")(guarded(pose))
    group.command(epilog="Example: imgedit evaluate expression --data celeba:DIR --data celebamask_hq:DIR")(
        guarded(expression)
    )
    group.command(epilog="Example: imgedit evaluate sleeves --data sleeve_models:DIR --n 50")(guarded(sleeves))
    group.command(epilog="Example: imgedit evaluate rotation runs/turned --data fei:DIR")(guarded(rotation))
    group.command(epilog="Example: imgedit evaluate verification --data cfp:DIR")(guarded(verification))
    group.command(epilog="Example: imgedit evaluate spill --data celebamask_hq:DIR --word blond")(guarded(spill))
    group.command(epilog="Example: imgedit evaluate words --data celeba:DIR --word red-hair --word platinum --n 200")(
        guarded(words)
    )
    group.command(epilog="Example: imgedit evaluate speed --threads 1 --threads 2 -o speed.json")(guarded(speed))


def faces(
    data: Data,
    model: Annotated[
        str | None, typer.Argument(metavar="RUN|MODEL", help="A run folder, model folder or id; --sheet needs none.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="RUN|MODEL", help="Classifier that judges the edits [default: the bundled judge]."),
    ] = None,
    hair_judge: Annotated[
        str | None,
        typer.Option(metavar="RUN|MODEL", help="Judge of hair colours, shown the hair alone [default: the bundled]."),
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(metavar="NAME:DIR", help="Also ask the judges of these faces' real grey hair: utkface_hair:DIR."),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="So many pictures, chosen by --seed [default: all].")
    ] = None,
    seed: Seed = 0,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Faces of CelebA: test, or valid, to choose a model by.")
    ] = "test",
    sheet: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help="Measure nothing: draw 40 faces that the word changes, before and after, into -o FILE."
        ),
    ] = None,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure edits by words, a classifier or a parser.

    With --sheet, draw what a word makes of held-out faces, to be looked at.
    """
    if sheet is not None:
        if out is None:
            raise ConfigError("--sheet draws a picture; say where it goes with -o FILE, such as -o sheet.png")
        if judge or hair_judge or real or markdown:
            raise ConfigError("--sheet measures nothing; --judge, --hair-judge, --real and --markdown are for figures")
        show_logs(quiet=False)
        sheets = training_module("training.evaluate.faces.sheet")
        sheets.check(out)
        with torch_extra():
            drawn = sheets.draw(sheet, data, model=model, n=n, seed=seed, split=split, device=device)
        sheets.write(drawn, out)
        print_result(drawn.told(), drawn.lines(), as_json, markdown)
        return
    if model is None:
        raise ConfigError("name the run or model to measure, or draw a word with --sheet WORD")
    measure(
        "training.evaluate.faces.report",
        model,
        data,
        judge=judge,
        hair_judge=hair_judge,
        real=real,
        n=n,
        seed=seed,
        split=split,
        device=device,
        named=model,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def pose(
    data: Data,
    network: Network = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="At most so many turned and straight faces.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="All pictures, not only the last tenth of the sorted names.")
    ] = False,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure turned heads: the pose that is reached, and likeness."""
    measure(
        "training.evaluate.faces.pose",
        data,
        network=network,
        n=n,
        every=every,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def expression(
    data: Annotated[
        list[str],
        typer.Option(metavar="NAME:DIR", help="celeba:DIR for smiles, celebamask_hq:DIR for swaps; repeatable."),
    ],
    network: Network = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="At most so many faces, and pairs [default: all].")
    ] = None,
    strength: Annotated[float, typer.Option(metavar="X", help="Of the smile.")] = 1.0,
    seed: Seed = 0,
    split: Annotated[str, typer.Option(metavar="NAME", help="test, or valid, to choose by.")] = "test",
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure changed expressions: smiles, and swaps."""
    measure(
        "training.evaluate.faces.expression",
        data,
        network=network,
        n=n,
        split=split,
        strength=strength,
        seed=seed,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def sleeves(
    data: Data,
    model: Annotated[
        str | None,
        typer.Argument(metavar="[RUN|MODEL]", help="A painter or a judge of sleeves [default: the bundled painter]."),
    ] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="At most so many people each way.")] = None,
    judge: Annotated[
        str | None, typer.Option(metavar="RUN|MODEL", help="Classifier of sleeves [default: the bundled judge].")
    ] = None,
    seed: Seed = 0,
    split: Annotated[str, typer.Option(metavar="NAME", help="test, or valid, to choose by.")] = "test",
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure sleeves made short and long.

    What a judge sees, what changes outside of the region, and below the hips.
    """
    measure(
        "training.evaluate.bodies.sleeves",
        model or PAINTER,
        data,
        named=model or "",
        n=n,
        judge=judge,
        seed=seed,
        split=split,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def rotation(
    model: Model,
    data: Data,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure faces that are drawn in another pose.

    Against the true view where the set has it; else whether the pose was obeyed and the person kept. A painter of
    hidden halves is measured on --data fronts:DIR.
    """
    measure(
        "training.evaluate.faces.rotation",
        model,
        data,
        device=device,
        named=model,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def verification(
    data: Data,
    network: Network = None,
    n: Annotated[int | None, typer.Option("--n", min=10, metavar="N", help="At most so many people.")] = None,
    seed: Seed = 0,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="People: test, or valid, to choose an alignment by.")
    ] = "test",
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Verify profiles against frontal pictures.

    By the detector's landmarks, by the mesh's, and after they are turned to the front.
    """
    measure(
        "training.evaluate.faces.verification",
        data,
        network=network,
        n=n,
        seed=seed,
        split=split,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def spill(
    data: Data,
    word: Annotated[str, typer.Option(metavar="WORD", help="A word that changes hair.")] = "blond",
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Last tenth of the pictures: test; or valid, to choose by.")
    ] = "test",
    n: Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="At most so many pictures.")] = None,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure where a hair colour acts: on the hair, and beside it."""
    measure(
        "training.evaluate.faces.spill",
        data,
        word=word,
        split=split,
        n=n,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def words(
    data: Data,
    word: Annotated[list[str], typer.Option(metavar="WORD", help="A word to measure; repeatable.")],
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="So many faces, chosen by --seed [default: all].")
    ] = None,
    seed: Seed = 0,
    split: Annotated[str, typer.Option(metavar="NAME", help="Faces of CelebA: test, or valid, to choose by.")] = "test",
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure what words leave alone.

    That is, other attributes, and who a face is; for words that no judge can call right, such as red-hair or the
    shapes of glasses.
    """
    measure(
        "training.evaluate.faces.words",
        word,
        data,
        n=n,
        seed=seed,
        split=split,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def speed(
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="How often each edit is timed.")] = 7,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, metavar="N", help="With so many threads; repeatable [default: 1].")
    ] = None,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Time edits of the bundled portrait at 1920x1080.

    From the found face to the edited pixels, after one run that is not timed. Processor seconds are those of all
    threads together; they depend less than those of the clock on what else runs.
    """
    measure(
        "training.evaluate.speed",
        n=n,
        threads=threads or [1],
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )
