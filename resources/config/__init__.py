"""The files that users write: read, validated, explained. Pure."""
