"""A rehearsal: the pending plan, run on a copy of the environment in a sandbox of its own."""
