"""AWS: sessions and roles, errors translated at the edge, and the clients of dagster_aws."""
