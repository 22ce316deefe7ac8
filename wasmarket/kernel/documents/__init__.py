"""Documents with one spelling, named by their hash: manifests, content ids, receipts, trees."""
