"""What happens to a unit: planned, let through the gate, applied, probed, recorded. Knows no Dagster."""
