"""Whether a machine and an account are ready: one small check a question, nothing is changed."""
