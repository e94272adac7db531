"""Speed claims, as ratios measured side by side in one run. `make bench [BENCH=name]` writes results/NAME.json."""
