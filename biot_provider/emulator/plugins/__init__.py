"""The plugin API: rules, storage and responses."""
