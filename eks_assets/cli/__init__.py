"""The command line, one verb a file. `token` is called by helm and kubectl for every connection, so it is answered
without loading the rest."""

import sys


def main() -> None:
    """Entry point of `eks-assets`."""
    if sys.argv[1:2] == ["token"] and "--help" not in sys.argv:
        from eks_assets.cli.token import print_token

        raise SystemExit(print_token(sys.argv[2:]))
    from eks_assets.cli.app import run

    run()
