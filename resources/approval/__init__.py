"""Plans submitted for approval, the decisions on them, and what they amount to."""
