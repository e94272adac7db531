"""A Redis server in memory, for the cache of Argo CD: `python -m sandbox.plane.argo_cd.redis_server --port PORT`."""

from __future__ import annotations

import argparse

from fakeredis import TcpFakeServer


def main() -> None:
    """Serve on a loopback port until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.plane.argo_cd.redis_server", description=__doc__)
    parser.add_argument("--port", required=True, type=int)
    TcpFakeServer(("127.0.0.1", parser.parse_args().port), server_type="redis").serve_forever()


if __name__ == "__main__":
    main()
