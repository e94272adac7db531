"""What nobody declared: it exists where the environment is, and belongs to none of its units."""
