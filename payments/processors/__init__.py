"""Those who take cards, behind one protocol."""
