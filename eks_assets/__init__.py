"""The graph: units, the loop around them, and the Dagster definitions made from both."""

import warnings

# Partitioned asset checks are a preview in the pinned Dagster; the warning is printed for every decorated check.
warnings.filterwarnings("ignore", message=r".*partitions_def.*currently in preview.*")
warnings.filterwarnings("ignore", message=r"Class `\w*(Resource|CodeReference\w*)` is currently in beta")
