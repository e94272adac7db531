"""What must exist in an account before the first deploy: roles, ledger, lease."""
