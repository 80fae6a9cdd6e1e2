"""Where real paper lists, records and labelled pairs lie: beside the checkout, or as told."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

DATA = Path(os.environ.get("JOBRUNNER_TEST_DATA", ROOT.parent / "shared" / "data"))
