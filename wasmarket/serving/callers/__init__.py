"""Who a request comes from, and how often they may ask."""
