"""What is checked of an environment's files before anything is asked of AWS."""
