"""Edit a subject by words: what is left to do of them on this face, and which models do it (`edits/outputs.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from imgedit.edits.dyes import Dye
from imgedit.edits.outputs import CHANGES, Job
from imgedit.edits.plan import FORCE, Edit, Task, Warn, assign, experimental_notice
from imgedit.edits.runs import target_vector
from imgedit.edits.words import Words, parse_strength, parse_words
from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.manifest import Guard, Manifest
from imgedit.render import regions
from imgedit.render.change import Change
from imgedit.vision.hair import wears_hat
from imgedit.vision.subject import Subject

__all__ = ["Translation", "prepare", "still_wanted"]

_UNSURE, _CERTAIN = 0.5, 0.9
"""Probabilities that the face has what a word sets, at which the edit begins to fade and is gone."""

_TURNED = 40.0
"""Degrees to a side; the heads of CelebAMask-HQ that edits were looked at on are turned less, most profiles of CFP
more."""

_MUCH = 0.75
"""Share of a word's strength; what keeps less of it changes little, and says so."""
_HALF = 0.5
"""The same, of a thing that is drawn; what keeps less is left out."""


@dataclass(frozen=True)
class Translation:
    """A plan of words.

    Attributes:
        words: word -> strength, 0..1.
        tasks: which model carries out which of them.
        is_forced: do it whatever the classifier sees.
    """

    words: dict[str, float]
    tasks: tuple[Task, ...]
    is_forced: bool = False

    @property
    def names(self) -> Sequence[str]:
        """The words."""
        return list(self.words)

    @property
    def description(self) -> str:
        """The words, with the strengths that are not 1."""
        return ", ".join(word if strength == 1 else f"{word}={strength:g}" for word, strength in self.words.items())

    @property
    def models(self) -> Sequence[Model]:
        """The models of the words."""
        return [task.model for task in self.tasks]

    @property
    def experimental(self) -> list[str]:
        """Those of the words that are not good enough yet to be relied on."""
        return [edit.word for task in self.tasks for edit in task.edits if edit.is_experimental]

    def changes(self, subject: Subject, warn: Warn) -> list[Change]:
        """Run the models on the subject's crops; as `Plan.changes`."""
        return [change for task in self.tasks for change in _changes(task, subject, warn, is_forced=self.is_forced)]


def prepare(
    words: Words,
    models: Sequence[Model] | None = None,
    *,
    strength: float = 1.0,
    force: bool = False,
    dye: Dye | None = None,
    dye_strength: float = 1.0,
    brows: bool = False,
    beard: bool = False,
) -> Translation:
    """Settle which model carries out which word.

    Args:
        words: `blond`, `word=0.5`, `no-word`; one, several, or word -> strength.
        models: translate models, the preferred first; all that are here when None.
        strength: 0..1, multiplies every word's.
        force: carry the words out whatever the classifier sees: also where the face seems to be so already, to be bald
            or to wear a hat.
        dye: colour for the hair; then there need not be a word.
        dye_strength: 0..1, how strongly; `strength` multiplies it too.
        brows: brows follow the hair's colour.
        beard: a beard does.

    Raises:
        UnknownWordError: no model knows a word.
        ConfigError: words contradict each other or the dye, a strength is not in 0..1, or brows and beard have no
            hair's colour to follow.
    """
    scale = parse_strength(strength)
    wanted = {} if dye is not None and not words else parse_words(words)
    wanted = {word: value * scale for word, value in wanted.items()}
    found = library.available("translate") if models is None else models
    tasks = assign(wanted, found)
    if dye is not None:
        of_dye = scale * parse_strength(dye_strength, "the strength of the hair's colour")
        tasks.append(_dyed(dye, of_dye, found, tasks))
        wanted[dye.name] = of_dye
    return Translation(wanted, tuple(_followed(tasks, brows=brows, beard=beard)), force)


def _followed(tasks: Sequence[Task], *, brows: bool, beard: bool) -> Sequence[Task]:
    """Let brows and beard follow the tasks that colour hair."""
    if not (brows or beard):
        return tasks
    if not any(task.model.manifest.output == "tone" for task in tasks):
        what = "brows follow" if brows else "a beard follows"
        raise ConfigError(f"{what} a colour of the hair, and none is asked for", hint="such as blond")
    return [
        Task(task.model, tuple(replace(edit, with_brows=brows, with_beard=beard) for edit in task.edits))
        if task.model.manifest.output == "tone"
        else task
        for task in tasks
    ]


def _dyed(dye: Dye, strength: float, models: Sequence[Model], tasks: Sequence[Task]) -> Task:
    """Return the task of a dye: for the first model of real hair, where its words may act."""
    model = next((model for model in models if model.manifest.output == "tone" and model.manifest.words), None)
    if model is None:
        raise ConfigError("a colour of one's own needs a model of real hair", hint="such as hair_tones.celebamask_hq")
    colours = model.manifest.attributes
    for edit in (edit for task in tasks for edit in task.edits):
        if edit.values.keys() & set(colours):
            raise ConfigError(f"{edit.word!r} and {dye.name!r} contradict each other; name only one of them")
    word = next(iter(model.manifest.words.values()))
    # The classifier knows no such colour, so the face never has it already.
    values = {**dict.fromkeys(colours, 0.0), dye.name: 1.0}
    # Nobody has looked at every colour on many heads, so all are experimental.
    edit = Edit(dye.name, values, strength, word.region, guards=word.unless, is_experimental=True, dye=dye)
    return Task(model, (edit,))


def still_wanted(edits: Sequence[Edit], current: Mapping[str, float]) -> tuple[Edit, ...]:
    """Weaken the edits that ask for what is there: hair that is blond should not change when it is made blond.

    Args:
        edits: words with their strengths.
        current: probability of each attribute in the crop; one that is not known weakens nothing.

    Returns:
        The same words; the strength falls from all where the classifier doubts that the face has every wanted value to
        0 where it is certain.
    """
    result = []
    for edit in edits:
        left = min(max((_CERTAIN - _holds(edit, current)) / (_CERTAIN - _UNSURE), 0.0), 1.0)
        result.append(replace(edit, strength=edit.strength * left))
    return tuple(result)


def _holds(edit: Edit, current: Mapping[str, float]) -> float:
    """Return how probably a face has every value that an edit sets, 0..1."""
    present = {name: current.get(name, _UNSURE) for name in edit.values}
    return min(present[name] if wanted > 0.5 else 1.0 - present[name] for name, wanted in edit.values.items())


def _changes(task: Task, subject: Subject, warn: Warn, *, is_forced: bool = False) -> Sequence[Change]:
    """Return what one model changes; nothing where nothing is left to do."""
    manifest = task.model.manifest
    if manifest.output not in CHANGES:
        raise ModelError(f"{manifest.id} has output {manifest.output!r}; only {', '.join(CHANGES)} edit by words")
    edits, limit = task.edits, ""
    current: dict[str, float] | None = None
    if manifest.conditioning != "direction" and manifest.output != "removal" and _is_left(edits):  # it looks for itself
        current = subject.classified_by(task.model) if task.model.has("classify") else subject.attributes
        if is_forced:
            current = _as_if_it_were_not_there(edits, current)
        else:
            edits = _less_what_is_there(edits, current, manifest, warn)
    if _is_left(edits) and not is_forced:
        edits, limit = _guarded(edits, subject, current, warn)
    if not _is_left(edits):
        return []
    job = Job(task.model, edits, current, subject, limit, warn, is_forced)
    if not job.has_part:
        return []
    changes = CHANGES[manifest.output](job)
    if changes and subject.mesh is not None and abs(yaw := subject.mesh.pose.yaw) > _TURNED:
        warn(f"is turned {abs(yaw):.0f} degrees to the side, further than heads that edits were tried on; look at it")
    for edit in edits if changes else ():
        if edit.strength > 0 and edit.is_experimental:
            warn(experimental_notice(edit.word))
    return changes


def _is_left(edits: Sequence[Edit]) -> bool:
    return any(edit.strength > 0 for edit in edits)


def _as_if_it_were_not_there(edits: Sequence[Edit], current: Mapping[str, float]) -> dict[str, float]:
    """Return what the classifier sees, but for what is asked for: of that, the face has the opposite."""
    wanted = {name: value for edit in edits if edit.strength > 0 for name, value in edit.values.items()}
    return {**current, **{name: 1.0 - value for name, value in wanted.items()}}


def _less_what_is_there(
    edits: Sequence[Edit], current: Mapping[str, float], manifest: Manifest, warn: Warn
) -> tuple[Edit, ...]:
    """Weaken edits as `still_wanted`, and say which have little or nothing left to do."""
    wanted = list(still_wanted(edits, current))
    for i, (edit, left) in enumerate(zip(edits, wanted, strict=True)):
        if edit.strength == 0 or left.strength == edit.strength:
            continue
        # A model that is told differences is asked for none where the classifier rounds to what is wanted.
        is_same = manifest.conditioning == "difference" and not target_vector(current, edit.values, manifest).any()
        least = 0.0
        if manifest.only_adds:  # a thing is drawn whole or not at all: faded it is seen through
            least, left = _HALF * edit.strength, edit
        is_none = is_same or wanted[i].strength <= least
        wanted[i] = replace(left, strength=0.0) if is_none else left
        if is_none or left.strength < _MUCH * edit.strength:
            much = "nothing" if is_none else "little"
            warn(f"is so already: {edit.word!r} changes {much} ({_holds(edit, current):.2f}); {FORCE} to do it fully")
    return tuple(wanted)


def _is_of_hats(guard: Guard) -> bool:
    return regions.BELOW_HAIRLINE.endswith(guard.then)


def _guarded(
    edits: Sequence[Edit], subject: Subject, current: Mapping[str, float] | None, warn: Warn
) -> tuple[tuple[Edit, ...], str]:
    """Leave out the edits that their guards forbid, and return what is added to the regions of the others."""
    left, limit = [], ""
    for edit in edits:
        holding = []
        for guard in edit.guards if edit.strength > 0 else ():
            known = subject.attributes if current is None else current
            if guard.attribute not in known:
                warn(f"cannot be checked for {guard.attribute}, so {edit.word!r} is carried out in any case")
            elif known[guard.attribute] > guard.above or (_is_of_hats(guard) and wears_hat(subject)):
                holding.append(guard)
        forbidding = next((guard for guard in holding if guard.then == "skip"), None)
        if forbidding is not None:
            warn(forbidding.say)
            continue
        left.append(edit)
        for guard in holding:
            limit = regions.BELOW_HAIRLINE
            warn(guard.say)
    return tuple(left), limit
