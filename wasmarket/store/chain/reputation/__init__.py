"""Which final epochs peers had to prove, and what events say of them, read as figures."""
