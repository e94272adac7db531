"""Stand-in Helm charts: names, versions, values, labels, CRDs and webhooks of the real charts, written for the sandbox.

Their container images are named as the real ones but never run; KWOK simulates the pods. Annotate pods through a
chart's `podAnnotations` values to inject failures: `sandbox/mode` and `sandbox/ready-delay`.

`python -m sandbox.charts --registry HOST:PORT --tools BIN` packages and pushes them all.
"""
