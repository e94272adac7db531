"""The sandbox's daemon: what it starts, watches and stops, and its HTTP API."""
