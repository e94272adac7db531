"""Drift detection, and change sets that reverse drift."""
