"""The explorer: pages that show the market in a browser, and how services hand them out."""
