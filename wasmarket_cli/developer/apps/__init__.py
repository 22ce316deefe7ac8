"""An app before it is deployed: begun, built, checked, tested, run here."""
