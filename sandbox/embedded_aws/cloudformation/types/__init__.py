"""The resource types that MiniStack lacks or makes differently."""
