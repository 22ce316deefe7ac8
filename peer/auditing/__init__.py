"""Run calls of others again: what a meter compares and a juror votes on."""
