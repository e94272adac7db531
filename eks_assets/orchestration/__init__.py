"""The same as Dagster sees it: assets, checks, jobs, the executor, and what is patched in Dagster."""
