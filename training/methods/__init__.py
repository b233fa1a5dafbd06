"""Training methods: one file each. The id is the file's name."""

from __future__ import annotations

METHODS = {
    "attribute_classifier": "training.methods.attribute_classifier",
    "face_parser": "training.methods.face_parser",
    "stargan": "training.methods.stargan",
}
