"""CloudFormation: how a stack is created, updated, rolled back and deleted."""
