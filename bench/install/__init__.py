"""How long an install takes, how large it is, and what the command costs to start."""
