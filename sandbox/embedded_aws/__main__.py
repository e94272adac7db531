"""`python -m sandbox.embedded_aws`: MiniStack, mended, on GATEWAY_PORT."""

from .overlay import main

main()
