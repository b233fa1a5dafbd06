"""How well a classifier of faces or of pictures, or a parser, recognises the test split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.progress import with_progress
from imgedit.vision.parsing import class_probabilities
from training import train as start
from training.data import celebamask_hq
from training.data.celeba import HAIR
from training.evaluate.faces.classifier import FaceClassifier
from training.evaluate.faces.frames import Faces
from training.evaluate.subject import sample_indices


def classification(model: Model, faces: Faces, device: str = "auto") -> dict[str, Any]:
    """Return accuracy and recall per attribute, at probability 0.5, and hair colours told apart by argmax.

    Recall is the share of the faces with the attribute in which the classifier sees it: what is rare, such as a
    mustache, can be told with high accuracy and hardly ever be seen.
    """
    classifier = FaceClassifier(model, device)
    probability = classifier.probabilities(faces.frames)
    accuracy = {
        name: float(((probability[:, i] > 0.5) == faces.column(name)).mean())
        for i, name in enumerate(classifier.attributes)
        if name in faces.attributes
    }
    recall = {
        name: float((probability[:, classifier.column(name)] > 0.5)[faces.column(name)].mean())
        for name in accuracy
        if faces.column(name).any()
    }
    metrics: dict[str, Any] = {"mean_accuracy": float(np.mean(list(accuracy.values()))), "accuracy": accuracy}
    metrics["recall"] = recall
    if set(HAIR) <= set(classifier.attributes):
        truth = np.stack([faces.column(h) for h in HAIR], 1)
        one = truth.sum(1) == 1
        if one.any():
            found = probability[:, [classifier.column(h) for h in HAIR]].argmax(1)
            right = found[one] == truth[one].argmax(1)
            metrics["hair_colour_accuracy"] = {"n": int(one.sum()), "mean": float(right.mean())} | {
                h: float(right[truth[one][:, i]].mean()) for i, h in enumerate(HAIR) if truth[one][:, i].any()
            }
            metrics["hair_colour_by_group"] = {
                f"{h}, {name}, n = {(of & members[one]).sum()}": float(right[of & members[one]].mean())
                for h, of in zip(HAIR, truth[one].T, strict=True)
                for name, members in faces.groups().items()
                if (of & members[one]).any()
            }
    return metrics


def classes(model: Model, data: str, n: int | None, seed: int, device: str = "auto") -> tuple[dict[str, Any], int]:
    """Return the accuracy of a classifier whose classes exclude each other, overall and by class, and n.

    Raises:
        ConfigError: the data set has other classes, or none.
    """
    crop = model.manifest.crop
    dataset = start.load_data(data, "test", {"size": crop.width})
    if getattr(dataset, "classes", ()) != model.manifest.classes:
        raise ConfigError(f"{model.id} tells {', '.join(model.manifest.classes)} apart, which {data} does not")
    index = sample_indices(len(dataset), n, seed)
    session = Sessions(device).open(model, "classify")
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for part in with_progress(np.array_split(index, max(1, len(index) // 500)), "Classifying"):
        batch = dataset.batch(part, rng)
        found.append(session.run({"image": batch.image.numpy()})["probability"].argmax(1))
        truth.append(batch.require_specified().numpy())
    right, labels = np.concatenate(found) == np.concatenate(truth), np.concatenate(truth)
    of_class = {
        name: float(right[labels == i].mean()) for i, name in enumerate(model.manifest.classes) if (labels == i).any()
    }
    return {"accuracy": float(right.mean()), "of_class": of_class}, len(index)


def parsing(model: Model, data: str, n: int | None, seed: int, device: str = "auto") -> tuple[dict[str, Any], int]:
    """Return intersection over union per class on the held-out masks, and the number of pictures.

    Faces are as large as in the product: a picture of the set shows `HQ_SHARE_OF_HEAD` of the `head` crop's side, so
    it is resized to that share of the model's crop (the nearest multiple of 16 px; `picture_px` in the result). The
    mirror image has its say, as in the product.

    Raises:
        ConfigError: the data set has no masks.
    """
    name, _, folder = data.partition(":")
    if name != "celebamask_hq":
        raise ConfigError(f"a parser is measured on --data celebamask_hq:DIR, got {data!r}")
    crop = model.manifest.crop
    share = celebamask_hq.HQ_SHARE_OF_HEAD if crop.kind == "head" else 1.0
    size = max(16, 16 * round(crop.width * share / 16))
    session = Sessions(device).open(model, "parse")
    dataset = celebamask_hq.load(Path(folder), "test", size=size, augment=False)
    index = sample_indices(len(dataset), n, seed)
    classes = model.manifest.classes
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    rng = np.random.default_rng(seed)
    for i in with_progress(index.tolist(), "Parsing"):
        batch = dataset.batch(np.array([i]), rng)
        found = class_probabilities(session, batch.image.numpy()).argmax(1)
        pairs = np.asarray(batch.mask).ravel() * len(classes) + found.ravel()
        confusion += np.bincount(pairs, minlength=confusion.size).reshape(confusion.shape)
    iou = intersection_over_union(confusion)
    present = {c: float(v) for c, v in zip(classes, iou, strict=True) if not np.isnan(v)}
    metrics = {
        "mean_iou": float(np.nanmean(iou)),
        "picture_px": size,
        "pixel_accuracy": float(np.trace(confusion) / max(confusion.sum(), 1)),
        "iou": present,
    }
    return metrics, len(index)


def intersection_over_union(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return `TP / (TP + FP + FN)` per class from counts `[true, found]`; not a number where a class never occurs."""
    hit = np.diag(confusion).astype(np.float64)
    union = confusion.sum(0) + confusion.sum(1) - hit
    return np.divide(hit, union, out=np.full(len(hit), np.nan), where=union > 0)
