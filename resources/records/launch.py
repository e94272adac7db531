"""A launch: the process that somebody started to change an environment, and the processes that it starts for that.

What proves that a process belongs to a launch is a secret that it inherits: multiprocessing's own key of a family of
processes (`Process.authkey`), random in each process that is started on its own and handed to its children in memory or
through a pipe. It is in no variable, file, argument, tag or log; the lease has a hash of it.
"""

from __future__ import annotations

import hashlib
import hmac
import multiprocessing
import os
import uuid

_PURPOSE = b"lease of a platform"
_PROOF_LENGTH = 12
_began_here = False


def launch_proof() -> str:
    """The hash of this launch's secret, the same in all of its processes and in no other."""
    return hashlib.sha256(_PURPOSE + multiprocessing.current_process().authkey).hexdigest()


def leave_parents_launch() -> None:
    """Begin a launch of this process's own, where another process started it: a server that starts many runs hands the
    same secret to each."""
    global _began_here
    if multiprocessing.parent_process() is not None:
        multiprocessing.current_process().authkey = os.urandom(32)
        _began_here = True


def launcher_id() -> int:
    """The id of the process in which this launch began: this one, or the one that it was forked for."""
    parent = multiprocessing.parent_process()
    return os.getpid() if parent is None or parent.pid is None or _began_here else parent.pid


def new_launch_name() -> str:
    """A name for what this launch does, which no other launch can give itself."""
    name = f"launch-{uuid.uuid4().hex[:12]}"
    return f"{name}-{_proof_of(name)}"


def is_own_launch(name: str) -> bool:
    """Whether this launch made the name. Names are shown, and anybody may repeat one."""
    text, _, proof = name.rpartition("-")
    return hmac.compare_digest(proof.encode(), _proof_of(text).encode())


def _proof_of(name: str) -> str:
    return hmac.new(launch_proof().encode(), name.encode(), hashlib.sha256).hexdigest()[:_PROOF_LENGTH]
