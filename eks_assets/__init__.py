"""The graph: units, the loop around them, and the Dagster definitions made from both."""
