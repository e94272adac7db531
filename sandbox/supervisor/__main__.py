"""Runs the sandbox's daemon in the foreground.

python -m sandbox.supervisor --state-directory DIR --tools BIN --aws-python PYTHON
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import StateDirectory
from sandbox.supervisor.api import serve
from sandbox.supervisor.supervisor import Settings, Supervisor

log = logging.getLogger(__name__)


def main() -> int:
    """Run until POST /down or SIGTERM; 1 when the sandbox could not start, with the reason in the log."""
    parser = argparse.ArgumentParser()
    for name in ("--state-directory", "--tools", "--aws-python"):
        parser.add_argument(name, required=True, type=Path)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    supervisor = Supervisor(Settings(StateDirectory(given.state_directory), given.tools, given.aws_python))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stopping.set())
    server = serve(supervisor, supervisor.port)
    try:
        supervisor.start()
        supervisor.stopping.wait()
        return 0
    except SandboxError as error:
        log.error("%s", error)
        return 1
    finally:
        supervisor.stop()
        server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
