"""Argo CD's genuine controllers in a cluster."""
