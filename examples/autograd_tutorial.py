"""Automatic differentiation in one sitting: what is recorded, how gradients come back, and how to stop it.

An ordinary PyTorch program. Run it with tinytorch, or with PyTorch itself; the text is the same:

    python -m tinytorch examples/autograd_tutorial.py
    python examples/autograd_tutorial.py
"""

import torch


def heading(number, text):
    title = f"{number}. {text}"
    print("\n" + title)
    print("-" * len(title))


# ---------------------------------------------------------------------------------------------------------------------
heading(1, "A network of one layer")
print("x goes in, y is what should come out; w and b are what we may change.")

torch.manual_seed(0)
x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)

print("w =", w)
print("b =", b)
print("z =", z)
print("loss =", loss)

# ---------------------------------------------------------------------------------------------------------------------
heading(2, "Every result remembers where it came from")
print("A result made from something that requires a gradient holds the function that leads back.")

print("Gradient function for z =", z.grad_fn)
print("Gradient function for loss =", loss.grad_fn)
print("x was not made to be changed: requires_grad =", x.requires_grad, "grad_fn =", x.grad_fn)
print("w is a leaf, nothing made it: is_leaf =", w.is_leaf, "grad_fn =", w.grad_fn)

# ---------------------------------------------------------------------------------------------------------------------
heading(3, "Gradients")
print("backward() walks from the loss to the leaves and leaves each one's gradient in .grad.")

print("before: w.grad =", w.grad, "b.grad =", b.grad)
loss.backward()
print("w.grad =", w.grad)
print("b.grad =", b.grad)
print("x.grad =", x.grad)

by_hand = (torch.sigmoid(z) - y) / 3
print("by hand, d loss / d b = (sigmoid(z) - y) / 3 =", by_hand.detach())
print("agrees:", torch.allclose(b.grad, by_hand))

# ---------------------------------------------------------------------------------------------------------------------
heading(4, "Not recording")
print("Where nobody will ask for a gradient, recording can be switched off, or a result cut loose.")

z = torch.matmul(x, w) + b
print("recorded: requires_grad =", z.requires_grad)
with torch.no_grad():
    z = torch.matmul(x, w) + b
print("under no_grad: requires_grad =", z.requires_grad)
z = torch.matmul(x, w) + b
z_cut = z.detach()
print("detached: requires_grad =", z_cut.requires_grad)
print("the same memory:", z_cut.data_ptr() == z.data_ptr())

# ---------------------------------------------------------------------------------------------------------------------
heading(5, "Freezing parameters")
print("A frozen parameter takes part in the computation and is passed over on the way back.")

w.grad = None
b.grad = None
w.requires_grad_(False)
loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y)
loss.backward()
print("w.grad =", w.grad)
print("b.grad =", b.grad)
w.requires_grad_(True)

# ---------------------------------------------------------------------------------------------------------------------
heading(6, "The graph")
print("Functions are linked by next_functions, from the loss down to the leaves.")

z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)


def show(function, depth=0):
    print("  " * depth + function.name())
    for following, _ in function.next_functions:
        if following is not None:
            show(following, depth + 1)


show(loss.grad_fn)
accumulate = z.grad_fn.next_functions[1][0]
print("the end of a path holds the leaf itself:", accumulate.variable is b)

# ---------------------------------------------------------------------------------------------------------------------
heading(7, "Gradients add up")
print("A second backward adds to .grad; whoever wants a fresh one empties it first.")

b.grad = None
for step in range(3):
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y)
    loss.backward()
    print("after backward", step + 1, b.grad)
b.grad.zero_()
print("zeroed", b.grad)
loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y)
loss.backward()
print("fresh", b.grad)

# ---------------------------------------------------------------------------------------------------------------------
heading(8, "Walking back twice")
print("What backward needs is thrown away as it goes, unless it is asked to keep it.")

b.grad = None
loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y)
loss.backward(retain_graph=True)
print("first", b.grad)
loss.backward()
print("second, added to the first", b.grad)
try:
    loss.backward()
except RuntimeError as error:
    print("third:", type(error).__name__)
    print(error)

# ---------------------------------------------------------------------------------------------------------------------
heading(9, "Results that are not one number")
print("Of a whole tensor there is no one gradient, but the product of a vector with the Jacobian.")

inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
print("out =", out)
try:
    out.backward()
except RuntimeError as error:
    print(type(error).__name__ + ":", error)
out.backward(torch.ones_like(out), retain_graph=True)
print(f"First call\n{inp.grad}")
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nSecond call\n{inp.grad}")
inp.grad.zero_()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nCall after zeroing gradients\n{inp.grad}")

# ---------------------------------------------------------------------------------------------------------------------
heading(10, "Learning")
print("Three steps of gradient descent, written out.")

w.grad = None
b.grad = None
for _ in range(3):
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y)
    loss.backward()
    print(f"loss {loss.item():.4f}")
    with torch.no_grad():
        for parameter in (w, b):
            parameter -= 0.5 * parameter.grad
            parameter.grad = None
print("b =", b)
