"""File formats that the command line writes by itself."""
