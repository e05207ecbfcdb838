"""BioT plugins as Pulumi resources."""
