"""IAM's decision about what CloudFormation's resource handlers do for a stack.

Each handler acts as the stack's service role, or as whoever asked for the operation, and needs the permissions that its
schema names (`handlers.json`), for the resources that it touches and for what its properties switch on.
"""
