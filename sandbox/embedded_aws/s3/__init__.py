"""S3: keys that cannot be used, conditional writes, and objects that are locked."""
