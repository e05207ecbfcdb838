"""`plugin.yaml` and what a stack says of its plugin become arguments."""
