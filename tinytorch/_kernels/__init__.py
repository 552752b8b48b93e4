"""NumPy kernels: ndarray in, ndarray out."""
