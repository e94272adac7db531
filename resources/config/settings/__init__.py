"""Sections of an environment's file."""
