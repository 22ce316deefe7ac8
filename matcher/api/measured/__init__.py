"""What matchers tell of the latencies that gateways measured."""
