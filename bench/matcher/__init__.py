"""Speed, memory and welfare of the matching engine on seeded synthetic markets."""
