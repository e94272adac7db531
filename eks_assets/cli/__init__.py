"""The command line, one verb a file. `token` is called by helm and kubectl for every connection, so it is answered
without loading the rest."""

import gc
import sys

# Nearly all that a command loads stays until its end: looking through it for garbage time and again, and once more at
# the end, would cost a second.
COLLECTED = (100_000, 50, 50)


def main() -> None:
    """Entry point of `eks-assets`."""
    if sys.argv[1:2] == ["token"]:
        from eks_assets.cli.commands.token import print_token

        raise SystemExit(print_token(sys.argv[2:]))
    gc.set_threshold(*COLLECTED)
    from eks_assets.cli.app import run

    try:
        run()
    finally:
        gc.freeze()
