"""What a purchase would give: rates, fees, limits."""
