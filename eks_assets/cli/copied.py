"""One step of a rehearsal in its copy, as a process of its own: `python -m eks_assets.cli.copied STEP FILE`."""

from __future__ import annotations

import sys

from eks_assets.engine.rehearsal.child import main
from eks_assets.token_command import install_token_command

if __name__ == "__main__":
    install_token_command()
    sys.exit(main(sys.argv[1:]))
