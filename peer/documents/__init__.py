"""What a developer signs for a deal, and how its peers pass it on: access, pauses, secrets."""
