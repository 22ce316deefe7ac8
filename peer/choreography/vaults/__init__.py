"""Files of particles, which services of a deal hand to one another."""
