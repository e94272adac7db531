"""Units of the wave `infrastructure`, one a file."""
