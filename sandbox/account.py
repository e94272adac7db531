"""The account of the embedded AWS, its region, and the keys of its root."""

from __future__ import annotations

ACCOUNT, REGION = "000000000000", "us-west-2"
ROOT_KEY = ROOT_SECRET = "test"  # no secrets: the embedded AWS's own root, on loopback only
