"""Measure functions as developers meet them: triggers, languages, first answers."""
