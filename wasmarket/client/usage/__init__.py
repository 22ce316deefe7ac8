"""What a metered deal was used for, as its peers say."""
