"""Events in the order of their positions, for whoever carries them on."""
