"""The matcher: book, engine, REST API, submission and notices. Trusted by nobody."""
