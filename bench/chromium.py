"""Where a Chromium is, and how it is started without a network."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It must not phone home: it is started without internet, and every request would be noise.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Path of a Chromium: the one named by LAMBDA_TUNER_CHROMIUM, else one on PATH."""
    named = os.environ.get("LAMBDA_TUNER_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)
