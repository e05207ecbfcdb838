"""A plugin: its model, its rules, and how it is created, compared, updated and deleted."""
