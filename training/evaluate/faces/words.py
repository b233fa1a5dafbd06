"""What words leave alone: the judge's other decisions, and who a face is to a network that tells people apart.

For words that no judge can call right: colours without a label, or several shapes of one label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imgedit.edits import translate
from imgedit.edits.translate import Translation
from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.photo import read
from imgedit.progress import with_progress
from training.data.celeba import HAIR
from training.evaluate.faces import identity
from training.evaluate.faces.attributes import FrameEditor, kept
from training.evaluate.faces.classifier import FaceClassifier
from training.evaluate.faces.frames import load_faces
from training.evaluate.faces.report import JUDGE
from training.evaluate.layout import Block, Table
from training.evaluate.result import TEST, header
from training.evaluate.subject import open_model

__all__ = ["KIND", "blocks", "evaluate"]

KIND = "words"


def evaluate(
    words: Sequence[str],
    data: str,
    *,
    n: int | None = None,
    seed: int = 0,
    split: str = TEST,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Measure words as the tool carries them out, on faces of CelebA.

    Args:
        words: such as `red-hair`; each is measured by itself.
        data: `celeba:DIR`.
        n: at most so many faces, chosen by `seed`; None for all.
        seed: see `n`.
        split: of the set.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        command: what was typed.

    Returns:
        Of each word the share of faces that it `changed`; of those the share of the judge's decisions on other
        attributes that were `kept` (for a colour of hair without the four colours), dlib's `identity_distance` from
        the face before, and the share in which it is the `same_person`.

    Raises:
        ConfigError: no word is given.
        UnknownWordError: no model knows a word.
    """
    if not words:
        raise ConfigError("name the words to measure, such as --word red-hair")
    models = library.available("translate")
    plans = {word: translate.prepare(word, models) for word in words}
    faces = load_faces(data, n, seed, split)
    editor = FrameEditor(models, device)
    with open_model(JUDGE) as model:
        judge = FaceClassifier(model, device)
        before = judge.probabilities(faces.frames)
        people = identity.descriptors(faces.frames)
        rows = {}
        for word, plan in plans.items():
            edited = [
                editor.edit_photo(read(frame), plan).photo.rgb
                for frame in with_progress(faces.frames, f"Measuring {word}")
            ]
            which = [i for i, frame in enumerate(faces.frames) if not np.array_equal(frame, edited[i])]
            if not which:
                raise ConfigError(f"{word} changes none of these faces; take more of them")
            changed = [edited[i] for i in which]
            same = kept(before[which], judge.probabilities(changed), judge, _meant(plan))
            apart = identity.distances(people[which], identity.descriptors(changed))
            rows[word] = {
                "changed": len(which) / len(edited),
                "kept": float(same.mean()),
                "identity_distance": float(apart.mean()),
                "same_person": float((apart < identity.SAME_PERSON).mean()),
            }
    stated = header(JUDGE, KIND, data, command=command, seed=seed, split=split)
    return {**stated, "n": len(faces.frames), "identity_network": identity.NETWORK, "metrics": rows}


def _meant(plan: Translation) -> list[str]:
    """Return the attributes that a word is meant to change, the four colours of hair among them where it is one."""
    edits = [edit for task in plan.tasks for edit in task.edits]
    return [
        *(name for edit in edits for name in edit.values),
        *(HAIR if any(e.region == "hair" for e in edits) else ()),
    ]


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: one table."""
    rows = []
    for word, row in result["metrics"].items():
        changed, same, who = (f"{100 * row[name]:.1f}" for name in ("changed", "kept", "same_person"))
        rows.append([word, changed, same, f"{row['identity_distance']:.2f}", who])
    titles = ("word", "faces changed, %", "kept, %", "identity distance", "same person, %")
    return [
        f"{result['n']} {result['split']} pictures of {result['data']}, seed {result['seed']}, "
        f"judged by {result['model']}",
        Table(titles, rows),
    ]
