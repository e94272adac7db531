"""The git host: one repository over HTTP, as a process of the sandbox."""
