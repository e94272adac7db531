"""The errors that the sandbox raises on purpose: SandboxError, and what a request can get wrong."""


class SandboxError(Exception):
    """A clear sentence: what failed, where, why, and what to do next."""


class InvalidRequest(SandboxError):
    """What was asked for cannot be; asking again does not help."""


class ToolMissing(SandboxError):
    """What the sandbox is built with is not there."""


class UnknownName(SandboxError):
    """There is no such cluster, add-on or path."""
