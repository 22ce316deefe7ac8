"""Whole tables read as columns: what a process begins with, where there may be millions of rows."""
