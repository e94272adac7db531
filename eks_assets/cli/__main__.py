"""`python -m eks_assets.cli`."""

from eks_assets.cli import main

main()
