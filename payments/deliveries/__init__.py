"""What the treasury sends, exactly once."""
