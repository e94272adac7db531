"""The checks, a file a family; `resources/upgrade/registry.py` finds them."""
