"""What is installed once for all check-outs: the Go tools and the embedded AWS's environment."""
