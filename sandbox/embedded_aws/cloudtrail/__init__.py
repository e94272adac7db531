"""The embedded CloudTrail: who called what, kept and looked up as AWS does it."""
