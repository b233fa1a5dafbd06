"""Edit many photos: find them, name the results, and carry one edit out on each, several at a time.

A photo that fails stops nothing. What is done with a photo is a pure function of its path and of the path of the
result, so that it can be handed to whatever maps functions over paths.
"""

from imgedit.batch.jobs import READABLE, Job, collect, is_batch, is_there
from imgedit.batch.results import jobs_for
from imgedit.batch.watching import watch
from imgedit.batch.work import Edit, Outcome, edit_files, ray_map, run, with_folders

__all__ = [
    "READABLE",
    "Edit",
    "Job",
    "Outcome",
    "collect",
    "edit_files",
    "is_batch",
    "is_there",
    "jobs_for",
    "ray_map",
    "run",
    "watch",
    "with_folders",
]
