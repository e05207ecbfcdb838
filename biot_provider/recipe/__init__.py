"""How sources become a package: locked dependencies and build commands, known by a digest before anything is built."""
