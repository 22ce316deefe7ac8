"""AquaVM's signatures made quick: arithmetic of their curve, written for processors of 64 bits."""
