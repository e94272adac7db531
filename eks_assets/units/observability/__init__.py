"""Units of the wave `observability`, one a file."""
