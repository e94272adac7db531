"""Units of the wave `network`, one a file."""
