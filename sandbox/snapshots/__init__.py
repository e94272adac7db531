"""Snapshots: the whole state of a sandbox under a name, to go back to in seconds."""
