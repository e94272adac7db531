"""Drift of a whole environment: found, told who did it, accepted, repaired."""
