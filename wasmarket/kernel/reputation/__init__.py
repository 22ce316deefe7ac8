"""How peers and providers kept what they sold: kinds of events, and figures made of them."""
