"""What the pipeline keeps in AWS: the lease on an environment, and the ledger of what was done."""
