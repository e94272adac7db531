"""Units of the wave `configuration`, one a file."""
