"""The functions of torch.nn.functional, a file per family."""
