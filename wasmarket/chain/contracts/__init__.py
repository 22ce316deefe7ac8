"""The contracts from outside: encode calls, decode answers and events, by the committed ABI."""
