"""An app after its first deployment: what a project remembers, versions, size, end."""
