"""What is signed and how: EIP-712 offers and requests, secp256k1 signatures."""
