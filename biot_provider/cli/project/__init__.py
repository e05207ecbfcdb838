"""The Pulumi project that a command is about: its file, its stacks, their configuration, and the engine."""
