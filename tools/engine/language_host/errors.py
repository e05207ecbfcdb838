"""What can be wrong with a project, as its user should read it."""


class ProjectError(Exception):
    """The project's options, virtual environment or tools do not allow what the engine asked for."""
