"""Runs that the command line launches and follows."""
