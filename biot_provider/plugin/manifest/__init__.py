"""Reads `plugin.yaml` and a stack's overrides as the arguments of plugins."""
