"""One driver a kind of spec, with the verbs of the loop. A driver knows nothing of Dagster."""
