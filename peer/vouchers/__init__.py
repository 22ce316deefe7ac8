"""What metered deals owe and have signed for: vouchers, credit, and when to redeem."""
