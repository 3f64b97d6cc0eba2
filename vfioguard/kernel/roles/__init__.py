"""What the running host itself needs of its devices: disks, the network, the console."""
