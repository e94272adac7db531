"""Units of the wave `post_deploy`, one a file."""
