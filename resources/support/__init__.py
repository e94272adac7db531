"""Waiting, caching, reading YAML, processes: what every layer needs and no layer is about."""
