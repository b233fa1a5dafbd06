"""Trains the models that `imgedit` applies.

It imports `imgedit`; `imgedit` imports this only inside its training commands.
"""

import imgedit  # noqa: F401 - first of all, as it switches off the telemetry of libraries
