"""The upgrade of a cluster's Kubernetes version: its verdict."""
