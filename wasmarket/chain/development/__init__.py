"""What only a development chain has: Anvil as a child process, its cheats, its funded accounts."""
