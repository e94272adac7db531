"""Parameter Store: how many versions it keeps, and parameters that expire."""
