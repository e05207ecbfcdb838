"""The Pulumi side: each resource's declaration and lifecycle, and what all resources share."""
