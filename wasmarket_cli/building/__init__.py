"""Build apps from sources: which compiler, what it is given, and what was built before."""
