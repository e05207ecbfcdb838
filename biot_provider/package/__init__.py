"""Reads a folder or a .zip as a deployment package."""
