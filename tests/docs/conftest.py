"""The real engine, for the programs of the pages."""

from ..engine.conftest import empty_stacks, engine, new_project, project, pulumi_environment

__all__ = ["empty_stacks", "engine", "new_project", "project", "pulumi_environment"]
