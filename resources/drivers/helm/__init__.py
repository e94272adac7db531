"""Helm releases, by helm."""
