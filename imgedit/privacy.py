"""Nothing leaves the machine and nothing is recorded: the telemetry of libraries is switched off before they load."""

from __future__ import annotations

import os

__all__ = ["SWITCHES", "switch_off_telemetry"]

SWITCHES = {
    # ONNX Runtime 1.29 and later records Python's path, CPU and graph names under ~/.cache/Microsoft and uploads them.
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "RAY_USAGE_STATS_ENABLED": "0",
    "FASTAPI_OTEL_AUTO_CONFIGURE": "false",  # FastAPI serves the page
}
"""Environment variables that the libraries read when they are imported."""


def switch_off_telemetry() -> None:
    """Set `SWITCHES`, whatever the environment says; `imgedit/__init__.py` calls this, so every import passes it."""
    os.environ.update(SWITCHES)
