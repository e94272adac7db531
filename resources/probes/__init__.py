"""Health checks, looked at and waited for."""
