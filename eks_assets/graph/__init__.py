"""What a unit is, how units make a graph, and how one becomes a spec. Pure."""
