"""What talking to a node costs this process, by web3 and by our own transport."""
