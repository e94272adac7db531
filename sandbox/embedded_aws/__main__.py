"""`python -m sandbox.embedded_aws`: MiniStack with our fixes, on GATEWAY_PORT."""

from .overlay import main

main()
