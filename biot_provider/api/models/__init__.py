"""The platform's responses as models, one module for each of its areas."""
