"""What the account may have at most: Service Quotas, and EC2's refusal of more."""
