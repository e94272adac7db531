"""Health checks: run once, or until they pass."""
