"""Keep receipts of calls as hash chains on disk and sign their heads."""
