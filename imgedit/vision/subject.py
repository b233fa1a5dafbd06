"""A subject: one face (or body) of one photo, prepared once.

What is known of a subject is found on the photo as it was given, when it is first needed, and kept: crops, attributes,
parsed classes, and whatever other rooms derive from them. So any number of edits costs one run of the classifier and
one of the parser for each window. Nothing here knows what kind of thing a subject is, but its constructors.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.photo import Photo, is_grey
from imgedit.pixels import Floats, to_tensor
from imgedit.vision import geometry
from imgedit.vision.attributes import Classifier
from imgedit.vision.body import MODEL as BODY
from imgedit.vision.body import Body, BodyReader
from imgedit.vision.faces import Face
from imgedit.vision.geometry import Matrix
from imgedit.vision.mesh import MODEL as MESH
from imgedit.vision.mesh import Mesh, MeshReader, Pose
from imgedit.vision.parsing import Parser

__all__ = ["CLASSIFIER", "PARSER", "Networks", "Place", "Subject", "body_subject", "face_subject"]

PARSER = "face_parser.celebamask_hq"
CLASSIFIER = "attribute_classifier.celeba"

T = TypeVar("T")


class Place(Protocol):
    """Where a subject is in its photo; as text, what messages call it."""

    def matrix(self, kind: str, height: int, width: int) -> Matrix:
        """Return the matrix from the photo to a crop of this kind and size in pixels."""
        ...


class Networks:
    """The networks that look at subjects; each is found and opened on first use.

    Args:
        sessions: where graphs are opened.
        classifier: the attribute classifier, by id or folder.
        parser: the face parser, by id or folder.
    """

    def __init__(self, sessions: Sessions, *, classifier: str = CLASSIFIER, parser: str = PARSER) -> None:
        self.sessions = sessions
        self._classifier, self._parser = classifier, parser

    @cached_property
    def classifier(self) -> Classifier:
        """The attribute classifier."""
        return Classifier(self.sessions.find(self._classifier, "classify"), self.sessions)

    @cached_property
    def parser(self) -> Parser:
        """The face parser."""
        return Parser(self.sessions.find(self._parser, "parse"), self.sessions)

    @cached_property
    def mesh(self) -> MeshReader:
        """The face mesh."""
        return MeshReader(self.sessions.find(MESH, "mesh"), self.sessions)

    @cached_property
    def body(self) -> BodyReader:
        """The body pose."""
        return BodyReader(self.sessions.find(BODY, "body"), self.sessions)


class Subject:
    """One face or body of one photo; arrays that it returns are shared and must not be changed.

    Args:
        photo: the photo, before any edit, in sRGB.
        place: where the subject is.
        networks: what looks at it.
        others: the places of the other subjects, which own what is nearer to them.
    """

    def __init__(self, photo: Photo, place: Place, networks: Networks, others: Iterable[Place] = ()) -> None:
        self.photo = photo
        self.place = place
        self.networks = networks
        self.others = tuple(others)
        self._known: dict[Hashable, Any] = {}

    def __str__(self) -> str:
        """Return what messages call the subject, such as `the face at 310, 200`."""
        return str(self.place)

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """The photo's pixels before any edit, `(H, W, 3)`."""
        return self.photo.rgb

    @property
    def is_grey(self) -> bool:
        """Whether the photo has no colours."""
        return self.cached("is_grey", lambda: is_grey(self.photo))

    @property
    def sessions(self) -> Sessions:
        """Where graphs are opened."""
        return self.networks.sessions

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` gave when this key was first used; keys begin with the name of what they stand for."""
        if key not in self._known:
            self._known[key] = make()
        value: T = self._known[key]
        return value

    def matrix(self, kind: str, height: int, width: int) -> Matrix:
        """Return the matrix from the photo to a crop.

        Args:
            kind: of the crop, such as `face`, as in a manifest.
            height: of the crop, px.
            width: of the crop, px.
        """
        return self.cached(("matrix", kind, height, width), lambda: self.place.matrix(kind, height, width))

    def other_matrices(self, kind: str, height: int, width: int) -> list[Matrix]:
        """Return the same matrices of the other subjects."""
        key = ("other_matrices", kind, height, width)
        return self.cached(key, lambda: [other.matrix(kind, height, width) for other in self.others])

    def pixels(self, kind: str, height: int, width: int, *, down: int = 0) -> NDArray[np.uint8]:
        """Return a crop as pixels, `(height, width, 3)`; arguments as `matrix`.

        Args:
            kind: of the crop.
            height: of the crop, px.
            width: of the crop, px.
            down: rows of the crop by which the window is moved down.
        """

        def cut() -> NDArray[np.uint8]:
            matrix = geometry.moved_down(self.matrix(kind, height, width), down)
            return np.asarray(geometry.cut(self.rgb, matrix, (height, width)), np.uint8)

        return self.cached(("pixels", kind, height, width, down), cut)

    def crop(self, kind: str, height: int, width: int) -> Floats:
        """Return a crop as networks see it, `(3, height, width)`, RGB in [-1, 1]; arguments as `matrix`."""
        return self.cached(("crop", kind, height, width), lambda: to_tensor(self.pixels(kind, height, width)))

    @property
    def attributes(self) -> dict[str, float]:
        """What the attribute classifier sees: attribute -> probability."""
        return self.classified(self.networks.classifier)

    def classified(self, classifier: Classifier) -> dict[str, float]:
        """Return what a classifier sees: attribute -> probability."""
        crop = classifier.crop

        def run() -> dict[str, float]:
            return classifier(self.crop(crop.kind, crop.height, crop.width)[None])[0]

        return self.cached(("classified", str(classifier.model.folder)), run)

    def classified_by(self, model: Model) -> dict[str, float]:
        """Return what the classifier in a model's own folder sees."""
        return self.classified(Classifier(model, self.sessions))

    def parsed(self, down: int = 0) -> Floats:
        """Return the parser's probabilities of its classes, `(C, h, w)`, in its window.

        Args:
            down: rows of the window by which it is moved down.
        """
        crop = self.networks.parser.crop

        def run() -> Floats:
            pixels = self.pixels(crop.kind, crop.height, crop.width, down=down)
            return np.asarray(self.networks.parser(to_tensor(pixels)[None])[0], np.float32)

        return self.cached(("parsed", down), run)

    @property
    def mesh(self) -> Mesh | None:
        """The mesh of 468 points; None where the subject is no face, or the network sees none."""

        def read() -> Mesh | None:
            return self.networks.mesh(self.rgb, self.place) if isinstance(self.place, Face) else None

        return self.cached(("mesh",), read)

    @property
    def pose(self) -> Pose | None:
        """Where the face looks; None where it has no mesh."""
        return None if self.mesh is None else self.mesh.pose


def face_subject(photo: Photo, face: Face, networks: Networks, found: Sequence[Face] = ()) -> Subject:
    """Return a face as a subject.

    Args:
        photo: the photo.
        face: one of its faces.
        networks: what looks at it.
        found: all faces of the photo.
    """
    return Subject(photo, face, networks, [other for other in found if other is not face])


def body_subject(photo: Photo, body: Body, networks: Networks, found: Sequence[Body] = ()) -> Subject:
    """Return a body as a subject.

    Args:
        photo: the photo.
        body: one person's.
        networks: what looks at it.
        found: all bodies of the photo.
    """
    return Subject(photo, body, networks, [other for other in found if other is not body])
