"""Builds an image from a folder and pushes it to the platform's repository, once per digest: ``publish``.

An image (``artifact``) is made in one of two ways: ``dockerfile`` runs a builder on a folder with a Dockerfile,
``code`` adds a plugin's files as a layer to a ``base_image``. ``registry`` pushes the image, with access that
``credentials`` fetches through ``ecr``. ``distribution`` is the client for the HTTP API of the platform's and public
registries; ``registry_errors`` retries failed requests, or converts the failure to an error.
"""
