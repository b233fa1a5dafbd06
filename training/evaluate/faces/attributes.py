"""How well attribute edits do what they say and leave alone what they do not, along the path that users get.

Each aligned test frame (178 x 218) is treated as a photo with its landmarks known: crop, ONNX graphs, parser and
composite are those of `imgedit translate`. The judge is a classifier that was trained apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit import photo
from imgedit.editor import Editor
from imgedit.errors import ConfigError
from imgedit.models.library import Model
from imgedit.photo import Photo
from imgedit.progress import watched
from imgedit.vision import geometry
from imgedit.vision.faces import Face
from training.data.celeba import HAIR
from training.evaluate.faces import identity, quality
from training.evaluate.faces.judge import Classifier, Faces
from training.publish.figures import mean_of

Frames = Sequence[NDArray[np.uint8]]


class FrameEditor(Editor):
    """The product's editor for pictures that are already aligned: the face is where CelebA puts it."""

    def faces(self, photo: Photo) -> list[Face]:
        """Return the one face of the frame."""
        low, high = geometry.FACE_TEMPLATE.min(0), geometry.FACE_TEMPLATE.max(0)
        margin = high - low
        box = np.concatenate([low - margin / 2, high + margin / 2])
        return [Face(box.astype(np.float32), geometry.FACE_TEMPLATE.astype(np.float32), 1.0)]

    def edit(self, frame: NDArray[np.uint8], words: Sequence[str]) -> NDArray[np.uint8]:
        """Edit one frame."""
        return self.translate_photo(photo.read(frame), list(words)).photo.rgb


def evaluate(
    model: Model,
    faces: Faces,
    judge: Classifier,
    hair_judge: Classifier | None = None,
    *,
    device: str = "auto",
    with_identity: bool = True,
) -> dict[str, Any]:
    """Measure a translate model.

    Hair colours: every face is given each of the colours; right is the colour that the judge of hair finds the most
    probable of the four (`accuracy_whole_face`: the judge of faces, to whom a colour also depends on whose hair it is;
    `accuracy_with_hair`: of faces labelled neither bald nor with a hat, `accuracy_clear_hair`: and with one colour).
    Other attributes: each face is given the opposite of what the judge sees; right is what it then sees. `kept` is the
    share of the judge's other decisions (without the four hair colours, or without the attribute) that stay as they
    were. What an edit loses, on the 178 px face window: `reconstruction` gives each face the hair colour that it has;
    of another attribute, `round_trip` edits the edited face back.

    Args:
        model: of kind `translate`.
        faces: test faces.
        judge: a classifier that no generator was trained against.
        hair_judge: such a classifier for the hair colours; `judge` if None.
        device: as `imgedit.models.devices.providers`.
        with_identity: also compare the faces with dlib's network.

    Raises:
        ConfigError: the model has no words, or a judge does not know an attribute of theirs.
    """
    if model.manifest.kind != "translate":
        raise ConfigError(f"{model.id} is of kind {model.manifest.kind}; --attributes measures translate models")
    editor = FrameEditor([model], device)
    words = _words(model)
    hair = [a for a in HAIR if a in words]
    before = judge.probabilities(faces.frames)
    colourist = hair_judge or judge
    people = identity.descriptors(faces.frames) if with_identity else None
    bare = faces.column("Wearing_Hat") | faces.column("Bald")
    clear = ~bare & (np.stack([faces.column(h) for h in HAIR], 1).sum(1) == 1)

    edits: dict[str, dict[str, Any]] = {}
    groups = faces.groups()
    by_group: dict[str, float] = {}
    for attribute, word in words.items():
        if attribute in hair:
            # As when training: an edit to a colour says nothing of the other three.
            jobs = [[word]] * len(faces.frames)
            excluded = list(HAIR)
        else:
            want = before[:, judge.column(attribute)] <= 0.5
            jobs = [[_said(word, w)] for w in want]
            excluded = [attribute]
        edited = [
            editor.edit(frame, job) for frame, job in watched(list(zip(faces.frames, jobs, strict=True)), attribute)
        ]
        after = judge.probabilities(edited)
        if attribute in hair:
            right = _says(colourist, after if colourist is judge else colourist.probabilities(edited), hair, attribute)
        else:
            right = (after[:, judge.column(attribute)] > 0.5) == want
        kept = _kept(before, after, judge, excluded)
        by_group |= {f"{attribute}, {name}": float(right[members].mean()) for name, members in groups.items()}
        row: dict[str, Any] = {"accuracy": float(right.mean()), "kept": float(kept.mean())}
        if attribute in hair and not bare.all():
            row["accuracy_with_hair"] = float(right[~bare].mean())
        if attribute in hair and clear.any():
            row |= {"accuracy_clear_hair": float(right[clear].mean()), "kept_clear_hair": float(kept[clear].mean())}
        if attribute in hair and colourist is not judge:
            row["accuracy_whole_face"] = float(_says(judge, after, hair, attribute).mean())
        if attribute not in hair:
            watched_pairs = watched(list(zip(faces.frames, edited, want, strict=True)), f"{attribute}, back")
            back = [(frame, editor.edit(again, [_said(word, not w)])) for frame, again, w in watched_pairs]
            row |= {f"round_trip_{name}": value for name, value in _losses(back).items()}
        if people is not None:
            apart = identity.distances(people, identity.descriptors(edited))
            row |= {
                "identity_distance": float(apart.mean()),
                "same_person": float((apart < identity.SAME_PERSON).mean()),
            }
        edits[attribute] = row
    result: dict[str, Any] = {
        "mean": mean_of(list(edits.values())),
        "edits": edits,
        "accuracy_by_group": by_group,
    }
    result["n_by_group"] = {name: int(members.sum()) for name, members in groups.items()}
    if hair:
        seen = before if colourist is judge else colourist.probabilities(faces.frames)
        result["reconstruction"] = _reconstruction(editor, faces, {h: words[h] for h in hair}, seen, colourist)
        result["n_with_hair"], result["n_clear_hair"] = int((~bare).sum()), int(clear.sum())
    return result


def _words(model: Model) -> dict[str, str]:
    """Return attribute -> the first word that switches it on; an attribute without a word cannot be asked for."""
    words: dict[str, str] = {}
    for word, entry in model.manifest.words.items():
        for attribute, value in entry.sets.items():
            if value == 1.0:
                words.setdefault(attribute, word)
    if not words:
        raise ConfigError(f"{model.id} has no word for anything")
    return {a: words[a] for a in model.manifest.attributes if a in words}


def _kept(
    before: NDArray[np.float32], after: NDArray[np.float32], judge: Classifier, excluded: Sequence[str]
) -> NDArray[np.float64]:
    """Share of the judge's decisions on the other attributes that did not change, a picture."""
    others = [i for i, a in enumerate(judge.attributes) if a not in excluded]
    return np.asarray(((before > 0.5) == (after > 0.5))[:, others].mean(1))


def _says(
    judge: Classifier, probability: NDArray[np.float32], hair: Sequence[str], attribute: str
) -> NDArray[np.bool_]:
    """Tell in which pictures the judge finds one hair colour more probable than the others."""
    columns = [judge.column(h) for h in hair]
    return np.asarray(probability[:, columns].argmax(1) == hair.index(attribute))


def _reconstruction(
    editor: FrameEditor, faces: Faces, words: dict[str, str], before: NDArray[np.float32], judge: Classifier
) -> dict[str, float]:
    """Give each face its own hair colour: the labelled one or, without exactly one label, what the judge sees.

    Args:
        editor: what edits.
        faces: test faces.
        words: hair colour -> its word.
        before: what the judge sees in the faces, `(N, K)`.
        judge: whose columns these are.
    """
    hair = list(words)
    pairs = []
    for i, frame in enumerate(watched(faces.frames, "Reconstruction")):
        labelled = [h for h in hair if faces.column(h)[i]]
        seen = hair[int(before[i, [judge.column(h) for h in hair]].argmax())]
        pairs.append((frame, editor.edit(frame, [words[labelled[0] if len(labelled) == 1 else seen]])))
    return _losses(pairs)


def _losses(pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> dict[str, float]:
    """Return mean L1 (0..1), PSNR of the mean squared error (dB), mean SSIM and the share of pairs that are equal.

    All of it on the 178 px face window.
    """
    x, y, side = geometry.FACE
    window = (slice(y, y + side), slice(x, x + side))
    cut = [(np.ascontiguousarray(a[window]), b[window]) for a, b in pairs]
    return {
        "l1": float(np.mean([quality.l1(a, b) for a, b in cut])),
        "psnr": quality.psnr(float(np.mean([quality.squared_error(a, b) for a, b in cut]))),
        "ssim": float(np.mean([quality.ssim(a, b) for a, b in cut])),
        "equal": float(np.mean([np.array_equal(a, b) for a, b in cut])),
    }


def _said(word: str, on: bool | np.bool_) -> str:
    return word if on else f"no-{word}"
