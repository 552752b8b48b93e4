"""torch.distributed._composable: the former home of functions that spread modules."""
