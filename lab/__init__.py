"""The kernel lab: real kernels under QEMU are asked, and vfioguard is held against them."""
