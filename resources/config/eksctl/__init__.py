"""An eksctl ClusterConfig, as far as it is supported."""
