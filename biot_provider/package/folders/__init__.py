"""A folder as the source of a package: its files, what its ignore files leave out, and its links."""
