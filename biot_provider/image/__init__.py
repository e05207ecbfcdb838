"""From a folder to an image in the platform's repository.

``context`` says which files count and what their digest is; ``build`` lets a builder make an image of those that
``staged`` puts before it, under its ``guard``, and ``archive`` reads what it wrote; ``artifact`` is an image as it is
pushed, and code as a layer of one; ``registry`` pushes, and reads base images; ``credentials`` fetches what that takes;
``publish`` does all of it once per digest.
"""
