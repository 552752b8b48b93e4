"""PyTorch Geometric: four convolutions on a batch of two graphs, and their gradients."""

import torch
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATConv, GCNConv, GINConv, SAGEConv, global_mean_pool

torch.manual_seed(0)
edges = torch.tensor([[0, 1, 1, 2, 3], [1, 0, 2, 1, 2]])
graph = Data(x=torch.randn(4, 3), edge_index=edges)
batch = Batch.from_data_list([graph, graph])
print(graph)
for layer in (GCNConv(3, 4), GATConv(3, 4, heads=2), SAGEConv(3, 4), GINConv(torch.nn.Linear(3, 4))):
    out = layer(batch.x, batch.edge_index)
    global_mean_pool(out, batch.batch).pow(2).sum().backward()
    slope = sum(parameter.grad.abs().sum().item() for parameter in layer.parameters())
    print(f"{type(layer).__name__}: {out.sum().item():.4f}, gradients {slope:.3f}")
