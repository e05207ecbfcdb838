"""From a folder to an image in the platform's repository.

``publish`` does it, once per digest. It makes an image (``artifact``) in one of two ways: ``dockerfile`` runs a builder
on a folder with a Dockerfile, ``code`` adds a plugin's files as a layer to a ``base_image``. ``registry`` pushes it,
with access that ``credentials`` fetches through ``ecr``. The platform's registry and public ones are reached by
``distribution``, the HTTP API; ``registry_errors`` repeats what failed there, or words the failure.
"""
