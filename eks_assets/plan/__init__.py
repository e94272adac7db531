"""A plan: its model, its document, and how it is shown. Pure."""
