"""The errors that the sandbox raises on purpose: SandboxError, and what can be wrong with a request or in its way."""


class SandboxError(Exception):
    """A clear sentence: what failed, where, why, and what to do next."""


class InvalidRequest(SandboxError):
    """What was asked for cannot be; asking again does not help."""


class EvictionRefused(SandboxError):
    """Pods of a node stay, since a disruption budget forbids to evict them."""

    def __init__(self, node: str) -> None:
        super().__init__(f"a disruption budget keeps pods on the node {node}")
        self.node = node


class ToolMissing(SandboxError):
    """What the sandbox is built with is not there."""


class UnknownName(SandboxError):
    """There is no such cluster, add-on or path."""
