"""The models that ship with the package, whichever they are: whole, reproducible, described, and small enough."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgedit.editor import CLASSIFIER
from imgedit.models import library, manifest
from imgedit.models.runtime import Session

BUNDLED = library.bundled_folder()
FOLDERS = sorted(file.parent for file in BUNDLED.glob(f"*/{manifest.FILE}"))
SIZE_LIMIT = 48_000_000  # bytes of everything in imgedit/bundled
GOLDEN_TOLERANCE = 1e-3  # of mean and deviation; single values differ more between builds of ONNX Runtime

each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def golden_feeds(model: library.Model, session: Session) -> dict[str, np.ndarray]:
    """Pictures uniform in [-1, 1] from the golden seed, ones for every other input."""
    assert model.manifest.golden is not None
    rng = np.random.default_rng(model.manifest.golden["seed"])
    crop = model.manifest.crop
    feeds = {}
    for name, shape in session.inputs.items():
        if len(shape) == 4:
            feeds[name] = rng.uniform(-1, 1, (1, shape[1] or 3, crop.height, crop.width)).astype(np.float32)
        else:
            feeds[name] = np.ones((1, *(side or 1 for side in shape[1:])), np.float32)
    return feeds


def texts(value: Any) -> Iterator[str]:
    """Every text inside nested JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def test_detector_parser_and_classifier_are_there() -> None:
    kinds = {library.load(folder).manifest.kind for folder in FOLDERS}
    assert kinds >= {"detect", "parse", "classify"}


def test_everything_bundled_together_stays_small() -> None:
    sizes = {path: path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < SIZE_LIMIT, sorted(sizes.items(), key=lambda item: -item[1])[:5]


def test_nothing_lies_about_that_no_manifest_names() -> None:
    for path in BUNDLED.iterdir():
        assert path in FOLDERS or path.name in ("CREDITS.md", "astronaut.jpg"), f"{path.name} is no model"


@each
def test_manifest_is_valid_and_every_hash_is_right(folder: Path) -> None:
    stated = manifest.verify(folder)
    assert stated.id == folder.name
    assert stated.licence
    assert stated.data_source
    assert stated.paper
    named = {graph.file for graph in stated.graphs.values()}
    assert {path.name for path in folder.iterdir()} - {"LICENSE"} == {*named, manifest.FILE, "README.md"}


@each
def test_manifest_does_not_tell_of_the_machine_it_was_trained_on(folder: Path) -> None:
    stated = manifest.read(folder)
    paths = [text for text in texts(json.loads(stated.to_json())) if text.startswith(("/", "~")) or ":\\" in text]
    assert paths == []


@each
def test_golden_output_is_reproduced_by_mean_and_deviation(folder: Path) -> None:
    model = library.load(folder)
    golden = model.manifest.golden
    if golden is None:
        assert model.manifest.crop.kind == "none", "only a model without a crop may lack a golden pair"
        pytest.skip(f"{model.id} has no crop of fixed size, so no golden pair")
    session = Session(model.read(golden["role"]), "cpu")
    feeds = golden_feeds(model, session)
    joined = b"".join(np.ascontiguousarray(feed).tobytes() for feed in feeds.values())
    assert hashlib.sha256(joined).hexdigest() == golden["input_sha256"]
    output = session.run(feeds)[session.outputs[0]].astype(np.float64)
    assert output.mean() == pytest.approx(golden["mean"], abs=GOLDEN_TOLERANCE)
    assert output.std() == pytest.approx(golden["std"], abs=GOLDEN_TOLERANCE)


@each
def test_graphs_that_take_rows_compute_each_by_itself(folder: Path) -> None:
    model = library.load(folder)
    rng = np.random.default_rng(0)
    crop = model.manifest.crop
    for role in model.manifest.graphs:
        session = Session(model.read(role), "cpu")
        if not session.takes_rows:
            continue
        sides = {2: crop.height or 48, 3: crop.width or 48}
        feeds = {
            name: rng.uniform(0, 1, (3, *(side or sides[i] for i, side in enumerate(shape[1:], 1)))).astype(np.float32)
            for name, shape in session.inputs.items()
        }
        together = session.run(feeds)
        for i in range(3):
            alone = session.run({name: rows[i : i + 1] for name, rows in feeds.items()})
            for name, rows in together.items():
                assert len(rows) == 3, (role, name)
                scale = float(np.abs(rows).max()) or 1.0
                np.testing.assert_allclose(
                    alone[name][0] / scale, rows[i] / scale, atol=1e-4, err_msg=f"{role}: {name}"
                )


@each
def test_words_belong_to_translate_models_and_what_they_return_is_said(folder: Path) -> None:
    stated = manifest.read(folder)
    assert json.loads((folder / manifest.FILE).read_text())["schema_version"] == 2
    assert bool(stated.words) == (stated.kind == "translate")
    expected = {
        "stargan_hair.celeba": "grid",
        "hair_tones.celebamask_hq": "tone",
        "drawn_glasses.vectors": "glasses",
        "glasses_remover.celeba": "removal",
        "age_skin.celeba": "skin",
        "drawn_face_hair.vectors": "face_hair",
        "drawn_bangs.vectors": "bangs",
        "stargan_bangs.celeba": "flow",
        "face_mesh.mediapipe": "mesh",
        "expressions.celeba": "mesh",
        **dict.fromkeys(("mouth_painter.mouths", "sleeve_painter.sleeve_models", "frontal_refiner.fronts"), "image"),
        **dict.fromkeys(("stargan_shape.celeba", "cycle_vae.cfp"), "image"),
        **dict.fromkeys(("cycle_vae.mnist", "gan_r1.mnist"), "image"),
    }
    assert stated.output == expected.get(stated.id, "none")


@each
def test_hair_colours_are_held_to_a_tint_and_guarded(folder: Path) -> None:
    stated = manifest.read(folder)
    for word, entry in stated.words.items():
        is_colour = entry.region == "hair"
        is_held = is_colour and stated.output == "grid"  # a tone has the tints of real hair by itself
        assert (entry.tint is not None) == is_held, word
        assert any(guard.then == "below_hairline" for guard in entry.unless) == (is_colour or word == "bangs")
        assert {guard.attribute for guard in entry.unless if guard.then == "skip"} == (
            {"Bald", "Wearing_Hat"} if word == "bangs" else set()
        )


@each
def test_the_words_are_those_that_an_export_would_write(folder: Path) -> None:
    words = pytest.importorskip("training.publish.words")
    stated = manifest.read(folder)
    if stated.output in ("glasses", "skin", "face_hair", "removal"):
        pytest.skip("words of their own: tests/training/measure has a file for each")
    if stated.output == "tone":
        pytest.skip("some colours have no label: tests/training/measure/test_hair_tones.py")
    anew = words.words_of(stated.attributes) if stated.kind == "translate" else {}
    assert stated.words == {word: anew[word] for word in stated.words}


@each
def test_a_guard_asks_the_classifier_for_what_it_knows(folder: Path) -> None:
    known = set(library.find(CLASSIFIER).manifest.attributes)
    assert {guard.attribute for entry in manifest.read(folder).words.values() for guard in entry.unless} <= known


@each
def test_commercial_use_is_allowed_by_no_research_licence_and_parts_are_bundled(folder: Path) -> None:
    stated = manifest.read(folder)
    assert stated.commercial_use == ("research" not in stated.licence)
    for part in stated.parts.values():
        assert library.bundled(part).id == part


@each
def test_the_classifier_knows_what_an_edit_must_ask_it(folder: Path) -> None:
    model = library.load(folder)
    if model.manifest.kind != "translate" or model.has("classify"):
        pytest.skip("asks no other model")
    if model.manifest.output == "tone":
        pytest.skip("a colour that the classifier does not know is always carried out: tests/edits/test_tones.py")
    assert set(model.manifest.attributes) <= set(library.find(CLASSIFIER).manifest.attributes)


@each
def test_card_names_licence_and_source(folder: Path) -> None:
    stated = manifest.read(folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    lines = card.partition("\n---\n")[2].strip().splitlines()  # below the head that the model hub reads
    assert lines[0].startswith(f"# {stated.id}")
    licence = stated.licence.partition("(")[0].strip()
    assert any("licence" in line.lower() and licence in line for line in lines), f"licence: {licence}"
    source = " ".join(stated.data_source.partition(",")[0].split()[-2:])  # the set and, if it has one, its version
    about = [line for line in lines if "data" in line.lower() or "source" in line.lower()]
    assert any(source in line for line in about), f"source: {source}"
    assert "Limits" in card or "expect it to be worse" in card
