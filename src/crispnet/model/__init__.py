"""Every trainable ISP, one contract. Tensors only: a network never sees a file."""
