"""The local world: an embedded AWS and genuine Kubernetes control planes, for tests, the demo and the command line."""
