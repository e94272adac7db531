"""What stays when a stack or a cluster goes: data, and what others made around them."""
