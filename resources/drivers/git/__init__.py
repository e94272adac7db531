"""The environment's branch of the application repository, by git."""
