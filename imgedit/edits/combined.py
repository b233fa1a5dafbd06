"""Several edits of the same faces at once: words, an expression and a turn of the head.

Words change a face where it is; then one mesh moves all of it, so that drawn glasses turn with the head, and what an
opened mouth shows is painted last. Two meshes one after the other would not fit: the second starts from a face that the
first has moved away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgedit.edits import express
from imgedit.edits.express import Expression
from imgedit.edits.plan import Plan, Warn
from imgedit.edits.pose import Turn
from imgedit.edits.translate import Translation
from imgedit.errors import ConfigError
from imgedit.models.library import Model
from imgedit.pixels import Pixels
from imgedit.render.change import MOVE, Change, is_local
from imgedit.render.mouth import Mouth
from imgedit.render.regions import Region
from imgedit.render.warp import Warp
from imgedit.vision.mesh import Mesh
from imgedit.vision.subject import Subject

__all__ = ["Combined", "prepare"]


@dataclass(frozen=True)
class BeforeMoves:
    """A change of a face where it was, whenever it is carried out otherwise: the mesh moves what it has drawn, too.

    Attributes:
        change: the change.
    """

    change: Change

    @property
    def order(self) -> int:
        """That of the change, but no later than what moves pixels."""
        return min(self.change.order, MOVE)

    @property
    def region(self) -> str:
        """That of the change."""
        return self.change.region

    @property
    def is_local(self) -> bool:
        """That of the change."""
        return is_local(self.change)

    def scaled(self, strength: float) -> BeforeMoves:
        """As `Change.scaled`."""
        return replace(self, change=self.change.scaled(strength))

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """As `Change.apply`."""
        return self.change.apply(rgb, subject, region, own=own)


@dataclass(frozen=True)
class Combined:
    """A plan of several edits.

    Attributes:
        words: what words do.
        expression: how the face is to look.
        turn: where it is to look.
    """

    words: Translation | None = None
    expression: Expression | None = None
    turn: Turn | None = None

    @property
    def parts(self) -> Sequence[Plan]:
        """The edits that there are."""
        return [part for part in (self.words, self.expression, self.turn) if part is not None]

    @property
    def is_for_turned(self) -> bool:
        """As `imgedit.edits.plan.ForTurned`."""
        return self.turn is not None

    @property
    def names(self) -> Sequence[str]:
        """Those of the edits."""
        return [name for part in self.parts for name in part.names]

    @property
    def description(self) -> str:
        """Those of the edits."""
        return "; ".join(part.description for part in self.parts)

    @property
    def models(self) -> Sequence[Model]:
        """Those of the edits, each once."""
        return list({model.id: model for part in self.parts for model in part.models}.values())

    def changes(self, subject: Subject, warn: Warn) -> list[Change]:
        """Let the words change the face, and move it with one mesh; as `Plan.changes`."""
        by_words = [] if self.words is None else self.words.changes(subject, warn)
        still = [change for change in by_words if not isinstance(change, Warp | Mouth)]
        drawn: list[Change] = [BeforeMoves(change) for change in sorted(still, key=lambda change: change.order)]
        face = subject.mesh
        if face is None:
            for part in self.parts[self.words is not None :]:
                part.changes(subject, warn)  # each says what it cannot do
            return drawn
        return drawn + self._moves(subject, face, by_words, warn)

    def _moves(self, subject: Subject, face: Mesh, by_words: Sequence[Change], warn: Warn) -> list[Change]:
        """Return the one mesh that words, expression and turn come to, and the mouth."""
        target = face.points
        for change in by_words:
            if isinstance(change, Warp):  # a word such as smiling
                target = target + (change.target - change.source)
        if self.expression is not None:
            target = self.expression.target(face, target)
        if self.turn is not None:
            turned = self.turn.target(subject, face, warn, target)
            target = target if turned is None else turned
        if np.array_equal(target, face.points):
            return []
        return express.changes_of(subject, face.points, target)


def prepare(
    words: Translation | None = None, expression: Expression | None = None, turn: Turn | None = None
) -> Combined:
    """Settle edits that are carried out together, each as its own `prepare` gives it.

    Raises:
        ConfigError: there is none, or one stands where another belongs.
    """
    if words is None and expression is None and turn is None:
        raise ConfigError("nothing to do: name words, an expression or a turn of the head")
    for name, part, kind in (
        ("words", words, Translation),
        ("expression", expression, Expression),
        ("turn", turn, Turn),
    ):
        if not isinstance(part, kind | None):
            raise ConfigError(f"{name} takes what the prepare of its own edit gives, not {type(part).__name__}")
    return Combined(words, expression, turn)
