"""Where things are in this checkout. `./dev setup test` and `./dev build` put them there."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEPS = ROOT / "build" / "deps"
PRESET = os.environ.get("PENSTOCK_PRESET", "dev")


def penstock_binary() -> Path:
    """PENSTOCK_BINARY is any other one, such as that of an earlier version."""
    if "PENSTOCK_BINARY" in os.environ:
        return Path(os.environ["PENSTOCK_BINARY"])
    return ROOT / "build" / PRESET / "penstock"
