"""The adapter for Pulumi's dynamic providers, and the classes to which state refers."""
