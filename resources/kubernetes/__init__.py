"""The cluster: how it is reached, its objects, and how they differ from what they should be."""
