"""What the platform answers, one module for each of its areas."""
