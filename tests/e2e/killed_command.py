"""`python -m tests.e2e.killed_command COMMAND ...`: the command line, which dies around each change that it makes.

KILLED_COMMAND says at which: `FILE UNITS PHASES` (`tests/helpers/kills.py`). Steps are processes whose main module is
this one as well, so they die in the same way, and take the others with them.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.helpers.kills import Points, install

SETTING = "KILLED_COMMAND"

if SETTING in os.environ:
    where, units, phases = os.environ[SETTING].split()
    install(Points(Path(where), units, phases))

if __name__ == "__main__":
    from eks_assets.cli import main

    main()
