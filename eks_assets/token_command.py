"""The command by which kubectl and helm get a token from this program, for the layers that do not know its name."""

import sys

from resources.kubernetes.exec_credential import use_token_command

TOKEN_COMMAND = (sys.executable, "-m", "eks_assets.cli", "token")


def install_token_command() -> None:
    """Have kubeconfigs of this process name the command. Whoever composes the program calls it: the command line, and
    the definitions, which every process of Dagster loads."""
    use_token_command(TOKEN_COMMAND)
