"""Apps as their developers write them: the file `app.toml` and what is built from it."""
