"""What every peer answers itself: the services of Fluence peers that make sense here."""
