"""The typed interface of Marine modules, and how its values lie in JSON and in guest memory."""
