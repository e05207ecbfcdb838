"""What the resources of all kinds share."""
