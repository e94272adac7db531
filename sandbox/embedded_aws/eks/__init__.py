"""EKS: the operations of its API."""
