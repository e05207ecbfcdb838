"""Builds an image from a folder with a Dockerfile, with a builder on this machine.

``context`` reads the folder and computes its digest, following ``dockerignore``; ``staged`` copies exactly those files
for the builder; ``builders`` defines the builders and runs one with its ``options`` under ``recipe.guard``; ``archive``
reads the builder's output.
"""
