"""The page: what stands where, and which function a click calls. Gradio is loaded with this module, and nowhere else.

Nothing of a visitor is kept in the module: a photo is in the visitor's own state, and its folder goes with it.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from imgedit.batch import READABLE
from imgedit.editor import Editor
from imgedit.edits.express import SLIDERS
from imgedit.errors import ConfigError, ImgeditError
from imgedit.page import uploads, work
from imgedit.page.choices import Group, groups
from imgedit.page.work import Opened, Wishes

__all__ = ["CSS", "build", "theme"]

_KEPT = 3600  # seconds without a click after which a visitor's photo is forgotten
_VIEW = 600  # px, how high a photo is shown at most
_OWN = "#"  # the choice of a colour that no word names
_EXPRESSIONS = {
    "smile": ("Smile", -1.0, 1.5),
    "open": ("Mouth open", -1.0, 1.5),
    "pucker": ("Lips narrower", -1.0, 1.0),
    "brows": ("Brows up", -1.0, 1.0),
    "blink-left": ("Close the eye on your left", 0.0, 1.0),
    "blink-right": ("Close the eye on your right", 0.0, 1.0),
}
"""Slider -> its label and its ends."""
_ANGLES = {
    "yaw": ("Yaw: to your right, degrees", 30),
    "pitch": ("Pitch: up, degrees", 20),
    "roll": ("Roll: clockwise, degrees", 30),
}

_HEAD = """<h1>imgedit</h1>
<p>Edit the faces in a photo. It stays on the machine that runs this page, which forgets it within an hour after you
leave.</p>"""
CSS = (
    f"#faces img {{ max-height: {_VIEW}px; object-fit: contain; }}"
    + """
.gradio-container { max-width: 1320px !important; }
#title h1 { font-size: 1.5rem; margin: 0; }
#title p { margin: .15rem 0 0; color: var(--body-text-color-subdued); }
#title .html-container, #notes .html-container { padding: 0; }
.gradio-container, .gradio-container main, .gradio-container .wrap { overflow: visible !important; }
#actions { position: sticky; bottom: 0; z-index: 50; padding: .5rem 0; background: var(--body-background-fill); }
@media (min-width: 800px) { #view { position: sticky; top: .5rem; align-self: flex-start; } }
.note { padding: .5rem .75rem; border-radius: var(--radius-md); border: 1px solid var(--border-color-primary); }
.note.error { border-color: var(--error-border-color); color: var(--error-text-color);
  background: var(--error-background-fill); }
.note ul { margin: .25rem 0 0 1.1rem; list-style: disc; }
#photo td.download a { pointer-events: none; text-decoration: none; color: inherit; }
footer { display: none !important; }
"""
)
_TO_THE_RESULT = """() => { if (window.innerWidth < 800)
  document.querySelector("#title").scrollIntoView({behavior: "smooth"}); }"""


def theme() -> gr.themes.Base:
    """Return the page's look, with the fonts of the visitor's own system."""
    return gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


@dataclass(frozen=True)
class Viewer:
    """The side of the page that shows a photo, and what is kept of a visitor, as components of Gradio."""

    visit: Any
    photo: Any
    faces: Any
    compared: Any
    which: Any
    notes: Any
    download: Any


@dataclass(frozen=True)
class Actions:
    """What clicks call.

    Attributes:
        editor: what edits the photos of all visitors.
        folder: where the files of visitors go.
        offered: the words on the page.
        names: of the controls, in the order of their values.
    """

    editor: Editor
    folder: Path
    offered: Sequence[Group]
    names: Sequence[str]

    def open(self, path: str | None, old: Opened | None) -> Sequence[Any]:
        """Read an uploaded photo and outline its faces; nothing where it was taken away."""
        _forget(old)
        hidden = gr.update(value=None, visible=False)
        no_photo = [None, hidden, hidden, gr.update(value="all", visible=False), hidden]
        if path is None:
            return [*no_photo, gr.update(visible=False), gr.update(interactive=False)]
        try:
            new = work.open_photo(self.editor, Path(path), self.folder)
            shown = str(work.show(new))
        except Exception as error:
            return [*no_photo, _failed(error, Path(path)), gr.update(interactive=False)]
        finally:
            uploads.remove(Path(path))  # it has been read
        count = len(new.prepared.faces)
        choices = [("all faces", "all"), *((f"face {i}", str(i)) for i in range(count))]
        return [
            new,
            gr.update(value=shown, visible=True),
            hidden,
            gr.update(choices=choices, value="all", visible=count > 1),
            hidden,
            _said(_counted(count), new.prepared.warnings),
            gr.update(interactive=True),
        ]

    def choose(self, state: Opened | None, event: gr.SelectData) -> Any:
        """Choose the face that was clicked on."""
        index = None if state is None else work.face_at(state, *event.index)
        return gr.skip() if index is None else str(index)

    def edit(
        self,
        state: Opened | None,
        face: str,
        *values: Any,
        progress: Any = gr.Progress(),  # noqa: B008
    ) -> Sequence[Any]:
        """Edit a photo and show it beside itself."""

        def stage(done: int, what: str) -> None:
            progress((done, work.STAGES), desc=what, unit="steps")

        try:
            if state is None:
                raise ConfigError("choose a photo first")
            wishes = _wishes(self.offered, dict(zip(self.names, values, strict=True)))
            done = work.edit(self.editor, state, wishes, face, stage)
        except Exception as error:
            return [*[gr.skip()] * 4, _failed(error)]
        return [
            state,  # kept for longer
            gr.update(visible=False),
            gr.update(value=(str(done.before), str(done.after)), visible=True),
            gr.update(value=str(done.download), visible=True),
            _said(f"Left of the line before, right of it after: {done.done}.", done.warnings),
        ]


def build(editor: Editor, folder: Path) -> gr.Blocks:
    """Build the page.

    Args:
        editor: what edits the photos of all visitors.
        folder: where uploads and results lie for a time; also Gradio's own (`GRADIO_TEMP_DIR`).
    """
    offered = groups(editor.models)
    with gr.Blocks(title="imgedit", analytics_enabled=False, delete_cache=(60, _KEPT)) as page:
        gr.HTML(_HEAD, elem_id="title", padding=False)
        with gr.Row():
            with gr.Column(scale=3, min_width=320, elem_id="view"):
                viewer = _viewer()
            with gr.Column(scale=2, min_width=320):
                controls = _controls(offered)
                with gr.Row(elem_id="actions"):
                    reset = gr.Button("Reset", min_width=120, elem_id="reset")
                    apply = gr.Button("Apply", variant="primary", interactive=False, min_width=120, elem_id="apply")
        _connect(Actions(editor, folder, offered, list(controls)), viewer, controls, reset, apply)
    return page


def _viewer() -> Viewer:
    """Lay out what shows a photo: its faces, and once it is edited both before and after in their place."""
    return Viewer(
        visit=gr.State(None, time_to_live=_KEPT, delete_callback=_forget),
        photo=gr.File(label="Photo", file_types=sorted(READABLE), height=220, elem_id="photo"),
        faces=gr.Image(label="Faces", show_label=False, interactive=False, visible=False, buttons=[], elem_id="faces"),
        compared=gr.ImageSlider(
            label="Before and after",
            show_label=False,
            interactive=False,
            visible=False,
            buttons=["fullscreen"],
            max_height=_VIEW,
            elem_id="compared",
        ),
        which=gr.Radio([("all faces", "all")], value="all", label="Edit", visible=False, elem_id="which"),
        notes=gr.HTML(visible=False, elem_id="notes", padding=False),
        download=gr.DownloadButton("Download at full size", visible=False, elem_id="download"),
    )


def _connect(actions: Actions, viewer: Viewer, controls: Mapping[str, Any], reset: Any, apply: Any) -> None:
    """Let clicks call what they are for, one at a time: all visitors share the networks."""
    common: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "work", "concurrency_limit": 1}
    silent: dict[str, Any] = {**common, "show_progress": "hidden"}
    v = viewer
    shown = [v.visit, v.faces, v.compared, v.which, v.download, v.notes, apply]
    v.photo.upload(actions.open, [v.photo, v.visit], shown, show_progress_on=[v.photo], **common)
    v.photo.clear(actions.open, [v.photo, v.visit], shown, **silent)
    v.faces.select(actions.choose, [v.visit], [v.which], **silent)
    apply.click(
        actions.edit,
        [v.visit, v.which, *controls.values()],
        [v.visit, v.faces, v.compared, v.download, v.notes],
        show_progress_on=[v.faces, v.compared],
        **common,
    ).then(None, js=_TO_THE_RESULT, api_visibility="private")
    starts = [control.value for control in controls.values()]
    reset.click(lambda: starts, None, list(controls.values()), **silent)
    if "own" in controls:  # a colour that is picked is meant
        hair = next(control for control in controls.values() if _OWN in _values(control))
        picked = [controls["own"].input, controls["own"].release, controls["own"].submit]
        gr.on(picked, lambda: _OWN, None, [hair], **silent)


def _values(control: Any) -> Sequence[str]:
    """Return what a radio button can be; nothing for another control."""
    return [value for _, value in control.choices] if isinstance(control, gr.Radio) else []


def _controls(offered: Sequence[Group]) -> dict[str, Any]:
    """Lay out what can be chosen, and return it by name: the good words first, the experimental ones apart."""
    made: dict[str, Any] = {}
    good = [i for i, group in enumerate(offered) if not group.is_experimental]
    for i in good:
        with gr.Accordion(offered[i].title, open=i == 0):
            _words(i, offered[i], made)
    with gr.Accordion("Expression", open=False):
        for name in SLIDERS:
            label, low, high = _EXPRESSIONS.get(name, (name.capitalize(), -1.0, 1.0))
            made[name] = gr.Slider(low, high, value=0.0, step=0.05, label=label, elem_id=name)
    with gr.Accordion("Pose", open=False):
        for name, (label, most) in _ANGLES.items():
            made[name] = gr.Slider(-most, most, value=0, step=1, label=label, elem_id=name)
    if rest := [i for i in range(len(offered)) if i not in good]:
        with gr.Accordion("Experimental words", open=not good):
            gr.HTML("<p>These fail more often: look at the result.</p>")
            for i in rest:
                _words(i, offered[i], made, is_titled=True)
    with gr.Accordion("More", open=False):
        made["force"] = gr.Checkbox(
            False, label=work.FORCE_LABEL,
            info="Also where a face seems to be so already, bald, or to wear a hat.", elem_id="force",
        )  # fmt: skip
    return made


def _words(index: int, group: Group, made: dict[str, Any], *, is_titled: bool = False) -> None:
    """Lay out one group of words."""
    choices = [("as it is", ""), *((choice.label, choice.word) for choice in group.choices)]
    if group.is_hair:
        choices.append(("own colour", _OWN))
    made[f"word {index}"] = gr.Radio(
        choices, value="", label=group.title, show_label=is_titled, container=is_titled, elem_id=f"word-{index}"
    )
    if group.is_hair:
        made["own"] = gr.ColorPicker("#7a3b2e", label="Own colour", elem_id="own")
        made["brows"] = gr.Checkbox(False, label="Brows follow the hair", elem_id="brows")
        made["beard"] = gr.Checkbox(False, label="Beard follows the hair", elem_id="beard")
    made[f"strength {index}"] = gr.Slider(0.1, 1.0, value=1.0, step=0.05, label="Strength", elem_id=f"strength-{index}")


def _wishes(offered: Sequence[Group], values: Mapping[str, Any]) -> Wishes:
    """Return what a visitor has chosen, by the controls' names."""
    words, colour, strength = {}, None, 1.0
    is_hair = False
    for index, group in enumerate(offered):
        word = values[f"word {index}"]
        is_hair |= group.is_hair and bool(word)
        if word == _OWN:
            colour, strength = work.hex_colour(str(values["own"])), float(values[f"strength {index}"])
        elif word:
            words[str(word)] = float(values[f"strength {index}"])
    return Wishes(
        words,
        colour,
        strength,
        has_brows=is_hair and bool(values["brows"]),
        has_beard=is_hair and bool(values["beard"]),
        expression={name: float(values[name]) for name in SLIDERS},
        yaw=float(values["yaw"]),
        pitch=float(values["pitch"]),
        roll=float(values["roll"]),
        is_forced=bool(values["force"]),
    )


def _counted(count: int) -> str:
    if count == 1:
        return "One face was found."
    return f"{count} faces were found. Click on one, or choose its number, to edit it alone."


def _forget(visit: Opened | None) -> None:
    if visit is not None:
        visit.close()


def _said(done: str, warnings: Sequence[str]) -> Any:
    """Show what was done, and the warnings."""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in warnings)
    text = html.escape(done) + (f"<ul>{items}</ul>" if items else "")
    return gr.update(value=f'<div class="note">{text}</div>', visible=bool(text))


def _failed(error: Exception, path: Path | None = None) -> Any:
    """Show an error as a sentence; of one that nobody foresaw, the terminal shows more."""
    if isinstance(error, ImgeditError):
        text = work.sentence(error, path)
    else:
        sys.excepthook(type(error), error, error.__traceback__)
        text = "Something went wrong. This is a fault of imgedit; the terminal that runs this page shows more."
    return gr.update(value=f'<div class="note error" role="alert">{html.escape(text)}</div>', visible=True)
