"""What touches the world (AWS, the cluster, helm, git) and the vocabulary it speaks in."""
