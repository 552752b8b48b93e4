"""A graph convolution finds the two camps of a club from one known member of each. Source: Kipf and Welling 2016."""

import torch
from _running import options, report
from torch import nn

NODES = 30


def club():
    """Edges (2, E) of a random graph of two camps, and the camp of each node (NODES,)."""
    camps = (torch.arange(NODES) >= NODES // 2).long()
    alike = camps[:, None] == camps[None, :]
    odds = torch.where(alike, 0.35, 0.03)
    joined = torch.triu(torch.rand(NODES, NODES) < odds, diagonal=1)
    return (joined | joined.T).nonzero().T, camps


class GraphConvolution(nn.Module):
    """Each node gathers what its neighbours send, scaled by both their degrees."""

    def __init__(self, before, after):
        super().__init__()
        self.linear = nn.Linear(before, after)

    def forward(self, x, edges, scale):  # (nodes, before) -> (nodes, after)
        sent = self.linear(x) * scale[:, None]
        source, goal = edges
        return sent.index_add(0, goal, sent[source]) * scale[:, None]


args = options(__doc__)
edges, camps = club()
degree = torch.ones(NODES).index_add(0, edges[1], torch.ones(edges.shape[1]))
scale = degree.rsqrt()
first, second = GraphConvolution(NODES, 16), GraphConvolution(16, 2)
optimizer = torch.optim.Adagrad([*first.parameters(), *second.parameters()], lr=0.1, weight_decay=1e-3)
known = torch.tensor([0, NODES - 1])
print(edges.shape[1] // 2, "friendships")

for step in range(args.steps):
    hidden = first(torch.eye(NODES), edges, scale).relu()
    scores = second(hidden, edges, scale)
    loss = nn.functional.cross_entropy(scores[known], camps[known])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    report(step, loss=loss)

print((scores.argmax(1) == camps).sum().item(), "of", NODES, "members in the right camp")
