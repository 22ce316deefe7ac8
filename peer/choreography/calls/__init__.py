"""Do what scripts ask for: whose may, by which service, and what its answer is to a script."""
