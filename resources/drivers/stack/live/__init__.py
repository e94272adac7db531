"""Our own comparison of resources that CloudFormation's drift detection leaves out, a file per family of services."""
