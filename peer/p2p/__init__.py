"""The part of libp2p that clients speak: WebSocket, multistream, Noise, Yamux, identify, ping."""
