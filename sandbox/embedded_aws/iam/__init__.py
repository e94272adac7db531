"""IAM: who calls, and what the caller may do with Parameter Store."""
