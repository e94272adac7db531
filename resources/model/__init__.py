"""The vocabulary: errors, specs, outputs, changes, checks, digests. Pure, and imports nothing of the project."""
