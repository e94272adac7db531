"""What stands against an upgrade of a cluster's Kubernetes version: the evidence, check by check."""
