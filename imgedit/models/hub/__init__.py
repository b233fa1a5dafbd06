"""Pull model folders from the Hugging Face hub, and push them there.

Nothing from the hub is trusted: sizes and times are limited, names that leave the folder are refused, and whatever the
client raises becomes one line. `training.publish.runs` uses the same parts for run folders.
"""

from imgedit.models.hub.client import is_offline, named
from imgedit.models.hub.folders import pull, push, remove
from imgedit.models.hub.source import MAX_BYTES, SOURCE, TIMEOUT, Source, source_of

__all__ = ["MAX_BYTES", "SOURCE", "TIMEOUT", "Source", "is_offline", "named", "pull", "push", "remove", "source_of"]
