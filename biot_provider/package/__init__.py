"""A folder or a .zip becomes a deployment package."""
