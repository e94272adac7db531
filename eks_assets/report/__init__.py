"""The report: how an environment, or every one, is now, as one HTML page."""
