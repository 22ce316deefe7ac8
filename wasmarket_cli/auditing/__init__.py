"""Commands that hold peers to what they did: the meter, asks, watching."""
