"""From a folder with a Dockerfile to an image, by a builder of this machine.

``context`` reads the folder and computes its digest, following ``dockerignore``; ``staged`` copies exactly those files
for the builder; ``builders`` knows the builders and runs one with its ``options`` under ``recipe.guard``; ``archive``
reads what the builder wrote.
"""
