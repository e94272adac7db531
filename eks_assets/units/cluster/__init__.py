"""Units of the wave `cluster`, one a file."""
