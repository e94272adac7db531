"""The embedded AWS: MiniStack with what an EKS pipeline needs added or fixed.

Runs in a virtual environment of its own (`requirements/embedded-aws.lock`) as `python -m sandbox.embedded_aws` and
imports nothing else of the project. `overlay.install` replaces functions of the MiniStack version that the lock
pins; `tests/sandbox/test_embedded_aws.py` is the contract that a newer version has to keep.
"""
