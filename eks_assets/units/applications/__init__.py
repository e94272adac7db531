"""Units of the wave `applications`, one a file."""
