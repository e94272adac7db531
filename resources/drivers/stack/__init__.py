"""CloudFormation stacks, by change sets."""
