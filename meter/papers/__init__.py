"""What peers show for an epoch, fetched and examined."""
