"""How sources become a package: locked dependencies, build commands, and a digest known before the build."""
