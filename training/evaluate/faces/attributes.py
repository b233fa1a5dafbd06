"""How well attribute edits do what they say and leave alone what they do not, along the path that users get.

Each aligned test frame (178 x 218) is treated as a photo with its landmarks known: crop, ONNX graphs, parser and
composite are those of `imgedit translate`. The judge is a classifier that was trained apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit import photo
from imgedit.editor import Editor
from imgedit.errors import ConfigError
from imgedit.models.library import Model
from imgedit.photo import Photo
from imgedit.progress import with_progress
from imgedit.vision import geometry
from imgedit.vision.faces import Face
from training.data.celeba import HAIR
from training.evaluate.faces import identity, quality
from training.evaluate.faces.classifier import FaceClassifier
from training.evaluate.faces.frames import DATA, Faces
from training.publish.figures import mean_of

Frames = Sequence[NDArray[np.uint8]]

GREY = "Gray_Hair"


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


@dataclass(frozen=True)
class _Measurement:
    """What every attribute of a model is measured with.

    Attributes:
        editor: what edits.
        faces: labelled faces.
        before: what the judge sees in them, `(N, K)`.
        judge: of faces.
        hair_judge: of hair colours; may be `judge`.
        hair: the hair colours that the model has words for.
        has_hair: `(N,)`, faces labelled neither bald nor with a hat.
        has_clear_hair: `(N,)`, those of them that are labelled with one hair colour.
        people: dlib's descriptions of the faces, or None.
        one_way: the model can carry its words out (True) or undo them (False) alone; None: both.
        values: attribute -> the value that its word sets.
        other_judge: of hair colours, another one; None: none.
        verdicts: colour -> judge -> in which edited faces it sees that colour, `(N,)`.
    """

    editor: FrameEditor
    faces: Faces
    before: NDArray[np.float32]
    judge: FaceClassifier
    hair_judge: FaceClassifier
    hair: list[str]
    has_hair: NDArray[np.bool_]
    has_clear_hair: NDArray[np.bool_]
    people: NDArray[np.float64] | None
    one_way: bool | None = None
    values: Mapping[str, bool] = field(default_factory=dict)
    other_judge: FaceClassifier | None = None
    verdicts: dict[str, dict[str, NDArray[np.bool_]]] = field(default_factory=dict)

    def edited(self, words: Sequence[str], what: str, frames: Frames | None = None) -> list[NDArray[np.uint8]]:
        """Give each face, or some of them, its word."""
        jobs = list(zip(self.faces.frames if frames is None else frames, words, strict=True))
        return [self.editor.edit(frame, [word]) for frame, word in with_progress(jobs, what)]

    def identity(self, edited: Frames, which: NDArray[np.intp] | slice = slice(None)) -> dict[str, float]:
        """Say how far dlib's network puts the edited faces, all or some, from those before."""
        if self.people is None:
            return {}
        apart = identity.distances(self.people[which], identity.descriptors(edited))
        return {
            "identity_distance": float(apart.mean()),
            "same_person": float((apart < identity.SAME_PERSON).mean()),
        }


def evaluate(
    model: Model,
    faces: Faces,
    judge: FaceClassifier,
    hair_judge: FaceClassifier | None = None,
    other_judge: FaceClassifier | None = None,
    *,
    real: Mapping[str, Faces] | None = None,
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
    of another attribute, `round_trip` edits the edited face back. A model that only adds (glasses) is asked for them on
    the faces where the judge sees none, `n_without` of them, and for nothing else; one that only removes is asked to on
    those where the judge sees some, `n_with` of them.

    Args:
        model: of kind `translate`.
        faces: test faces.
        judge: a classifier that no generator was trained against.
        hair_judge: such a classifier for the hair colours; `judge` if None.
        other_judge: another one that shares neither form nor pictures with it; what it says stands in `other_judge` of
            the result, with what all judges say of grey, given and real, by sex and age.
        real: name -> faces, further ones with real hair, of which the judges are asked.
        device: as `imgedit.models.devices.providers`.
        with_identity: also compare the faces with dlib's network.

    Raises:
        ConfigError: the model has no words, or a judge does not know an attribute of theirs.
    """
    words, values = _words(model, judge)
    with_hair = ~(faces.column("Wearing_Hat") | faces.column("Bald"))
    by = _Measurement(
        editor=FrameEditor([model], device),
        faces=faces,
        before=judge.probabilities(faces.frames),
        judge=judge,
        hair_judge=hair_judge or judge,
        hair=[a for a in HAIR if a in words],
        has_hair=with_hair,
        has_clear_hair=with_hair & (np.stack([faces.column(h) for h in HAIR], 1).sum(1) == 1),
        people=identity.descriptors(faces.frames) if with_identity else None,
        one_way=True if model.manifest.only_adds else False if model.manifest.only_removes else None,
        values=values,
        other_judge=other_judge,
    )
    edits: dict[str, dict[str, Any]] = {}
    by_group: dict[str, float] = {}
    groups = faces.groups()
    for attribute, word in words.items():
        measure = _hair_colour if attribute in by.hair else _one_way if by.one_way is not None else _other_attribute
        edits[attribute], right = measure(by, attribute, word)
        shares = {name: np.ma.asarray(right[members]).mean() for name, members in groups.items()}
        by_group |= {f"{attribute}, {name}": float(s) for name, s in shares.items() if s is not np.ma.masked}
    result: dict[str, Any] = {
        "mean": mean_of(list(edits.values())),
        "edits": edits,
        "accuracy_by_group": by_group,
        "n_by_group": {name: int(members.sum()) for name, members in groups.items()},
    }
    if by.one_way is not None:
        wanted = {a: values[a] == by.one_way for a in words}
        counted = {a: int(((by.before[:, judge.column(a)] > 0.5) != wanted[a]).sum()) for a in words}
        result["n_without" if by.one_way else "n_with"] = counted
    if by.hair:
        result["reconstruction"] = _reconstruction(by, words)
        result["n_with_hair"], result["n_clear_hair"] = int(by.has_hair.sum()), int(by.has_clear_hair.sum())
    if by.hair and other_judge is not None:
        result["other_judge"] = {
            "judge": other_judge.id,
            "accuracy": {a: float(by.verdicts[a][other_judge.id].mean()) for a in by.hair},
            "grey": _grey(by, real or {}) if GREY in by.hair else [],
        }
    return result


def _hair_colour(by: _Measurement, attribute: str, word: str) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Give every face one colour; return its row, and in which faces it is right."""
    # As when training: an edit to a colour says nothing of the other three.
    edited = by.edited([word] * len(by.faces.frames), attribute)
    after = by.judge.probabilities(edited)
    seen = after if by.hair_judge is by.judge else by.hair_judge.probabilities(edited)
    right = says(by.hair_judge, seen, by.hair, attribute)
    if by.other_judge is not None:
        by.verdicts[attribute] = {
            by.judge.id: says(by.judge, after, by.hair, attribute),
            by.hair_judge.id: right,
            by.other_judge.id: says(by.other_judge, by.other_judge.probabilities(edited), by.hair, attribute),
        }
    same = kept(by.before, after, by.judge, HAIR)
    row: dict[str, Any] = {"accuracy": float(right.mean()), "kept": float(same.mean())}
    if by.has_hair.any():
        row["accuracy_with_hair"] = float(right[by.has_hair].mean())
    if by.has_clear_hair.any():
        row["accuracy_clear_hair"] = float(right[by.has_clear_hair].mean())
        row["kept_clear_hair"] = float(same[by.has_clear_hair].mean())
    if by.hair_judge is not by.judge:
        row["accuracy_whole_face"] = float(says(by.judge, after, by.hair, attribute).mean())
    return row | by.identity(edited), right


def _grey(by: _Measurement, real: Mapping[str, Faces]) -> list[dict[str, Any]]:
    """Return the share of each group's grey hair that each judge calls grey: given hair, and real hair beside it."""
    rows = [
        {"hair": "given", "group": group, "n": int(members.sum())}
        | {"share": {judge: float(right[members].mean()) for judge, right in by.verdicts[GREY].items()}}
        for group, members in by.faces.groups().items()
    ]
    judges = {judge.id: judge for judge in (by.judge, by.hair_judge, by.other_judge) if judge is not None}
    for name, faces in {f"real, {DATA}": by.faces, **{f"real, {name}": faces for name, faces in real.items()}}.items():
        one = np.stack([faces.column(h) for h in HAIR], 1).sum(1) == 1
        grey = np.flatnonzero(faces.column(GREY) & one)
        if not len(grey):
            continue
        frames = [faces.frames[i] for i in grey]
        seen = {name: says(judge, judge.probabilities(frames), by.hair, GREY) for name, judge in judges.items()}
        for group, members in faces.groups().items():
            own = members[grey]
            if own.any():
                share = {judge: float(right[own].mean()) for judge, right in seen.items()}
                rows.append({"hair": name, "group": group, "n": int(own.sum()), "share": share})
    return rows


def _other_attribute(by: _Measurement, attribute: str, word: str) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Give every face the opposite of what the judge sees; return its row, and in which faces that is seen then."""
    column = by.judge.column(attribute)
    want = by.before[:, column] <= 0.5
    edited = by.edited([_said(word, w) for w in want], attribute)
    after = by.judge.probabilities(edited)
    right = (after[:, column] > 0.5) == want
    same = kept(by.before, after, by.judge, [attribute])
    pairs = with_progress(list(zip(by.faces.frames, edited, want, strict=True)), f"{attribute}, back")
    back = [(frame, by.editor.edit(again, [_said(word, not w)])) for frame, again, w in pairs]
    lost = {f"round_trip_{name}": value for name, value in losses(back).items()}
    return {"accuracy": float(right.mean()), "kept": float(same.mean()), **lost, **by.identity(edited)}, right


def _one_way(by: _Measurement, attribute: str, word: str) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Give every face what the model can give and the judge does not see; the others are masked in what is returned.

    Raises:
        ConfigError: there is no such face.
    """
    column, wanted = by.judge.column(attribute), by.values[attribute] == by.one_way
    has = (by.before[:, column] > 0.5) == wanted
    which = np.flatnonzero(~has)
    if not len(which):
        raise ConfigError(f"none of the faces {'lacks' if wanted else 'has'} {attribute}; take more of them")
    edited = by.edited([_said(word, bool(by.one_way))] * len(which), attribute, [by.faces.frames[i] for i in which])
    after = by.judge.probabilities(edited)
    right = np.ma.masked_array(np.zeros(len(has), bool), mask=has)
    right[which] = (after[:, column] > 0.5) == wanted
    same = kept(by.before[which], after, by.judge, [attribute])
    row = {"accuracy": float(right.mean()), "kept": float(same.mean())}
    return row | by.identity(edited, which), right


def _words(model: Model, judge: FaceClassifier) -> tuple[dict[str, str], dict[str, bool]]:
    """Return attribute -> the first word that is meant for it, and -> the value that it sets.

    A word is meant for the attribute that it switches on or, where it switches none on, for its first. Attributes that
    a judge of faces does not know are left out.
    """
    words: dict[str, str] = {}
    values: dict[str, bool] = {}
    for word, entry in model.manifest.words.items():
        on = [attribute for attribute, value in entry.sets.items() if value == 1.0]
        for attribute in on or list(entry.sets)[:1]:
            words.setdefault(attribute, word)
            values.setdefault(attribute, bool(on))
    if not words:
        raise ConfigError(f"{model.id} has no word for anything")
    known = [a for a in model.manifest.attributes if a in words and a in judge.attributes]
    if not known:
        raise ConfigError(f"{judge.id} judges none of {', '.join(words)}")
    return {a: words[a] for a in known}, {a: values[a] for a in known}


def kept(
    before: NDArray[np.float32], after: NDArray[np.float32], judge: FaceClassifier, excluded: Sequence[str]
) -> NDArray[np.float64]:
    """Share of the judge's decisions on the other attributes that did not change, a picture."""
    others = [i for i, a in enumerate(judge.attributes) if a not in excluded]
    return np.asarray(((before > 0.5) == (after > 0.5))[:, others].mean(1))


def says(
    judge: FaceClassifier, probability: NDArray[np.float32], hair: Sequence[str], attribute: str
) -> NDArray[np.bool_]:
    """Tell in which pictures the judge finds one hair colour more probable than the others."""
    columns = [judge.column(h) for h in hair]
    return np.asarray(probability[:, columns].argmax(1) == hair.index(attribute))


def _reconstruction(by: _Measurement, words: Mapping[str, str]) -> dict[str, float]:
    """Give each face its own hair colour: the labelled one or, without exactly one label, what the judge sees."""
    is_same = by.hair_judge is by.judge
    seen = by.before if is_same else by.hair_judge.probabilities(by.faces.frames)
    columns = [by.hair_judge.column(h) for h in by.hair]
    pairs = []
    for i, frame in enumerate(with_progress(by.faces.frames, "Reconstruction")):
        labelled = [h for h in by.hair if by.faces.column(h)[i]]
        colour = labelled[0] if len(labelled) == 1 else by.hair[int(seen[i, columns].argmax())]
        pairs.append((frame, by.editor.edit(frame, [words[colour]])))
    return losses(pairs)


def losses(pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> dict[str, float]:
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
