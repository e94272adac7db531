"""Taking an environment away: what would go, the gate before that, and the removal in the graph's reverse order."""
