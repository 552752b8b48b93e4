"""Histories and gradients of first and second order of indexing, scattering, sorting, joining and padding, beside torch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
import tinytorch

sys.path.insert(0, str(Path(__file__).parent))
from programs import gradients

PROGRAMS = """
x[I]
x[[0,1]]
x[M]
x[0]
x[0:2]
x[None]
x[...]
x[:]
x[()]
x[True]
x[I,1]
x[1,I]
x[:,I]
x[torch.tensor(1)]
x[torch.tensor(True)]
torch.index_put(x,(I,),g(2,4))
x.index_select(0,I)
x.gather(0,torch.zeros(2,2).long())
x.take(I)
torch.take_along_dim(x,torch.zeros(2,4).long(),0)
torch.take_along_dim(x,I)
x.masked_select(x>0)
x.masked_fill(x>0,1)
x.masked_fill(x>0,torch.tensor(1.,requires_grad=True))
x.masked_scatter(x>0,g(3,4))
torch.where(x>0,x,x)
torch.where(x>0,x,1.)
torch.where(x>0,1.,x)
x.index_fill(0,I,1.)
x.index_fill(0,I,torch.tensor(1.,requires_grad=True))
x.index_copy(0,I,g(2,4))
x.index_add(0,I,g(2,4))
x.index_reduce(0,I,g(2,4),'mean')
x.put(I,g(2))
x.narrow(0,0,1)
x.select_scatter(g(4),0,0)
x.slice_scatter(g(2,4),0,0,2)
x.diagonal_scatter(g(3))
x.scatter(0,I[None],g(1,2))
x.scatter(0,I[None],1.)
x.scatter(0,I[None],1.,reduce='add')
x.scatter(0,I[None],1.,reduce='multiply')
x.scatter_add(0,I[None],g(1,2))
x.scatter_reduce(0,I[None],g(1,2),'amax')
x.sort()[0]
x.sort(stable=True)[0]
x.msort()
x.topk(2)[0]
x.kthvalue(2)[0]
x.median()
x.median(0)[0]
x.nanmedian()
x.nanmedian(0)[0]
x.mode()[0]
torch.unique(x)
torch.unique(x,dim=0)
torch.unique_consecutive(x)
x.histc()
x.cummax(0)[0]
x.cummin(0)[0]
x.cumsum(0)
x.cumprod(0)
x.logcumsumexp(0)
torch.cat([x,x])
torch.concat([x,x])
torch.stack([x,x])
torch.hstack([x,x])
torch.hstack([v,v])
torch.vstack([x,x])
torch.vstack([v,v])
torch.dstack([x,x])
torch.column_stack([v,v])
torch.column_stack([x,x])
x.split(2)[0]
x.split([1,2])[0]
x.chunk(2)[0]
x.tensor_split(2)[0]
x.tensor_split([1,2])[0]
x.hsplit(2)[0]
x.unsafe_split(2)[0]
x.unsafe_chunk(2)[0]
x.unbind()[0]
x.flip(0)
x.fliplr()
x.flipud()
x.roll(1)
x.roll(1,0)
x.rot90(0)
x.rot90(1)
x.rot90(2)
x.rot90(3)
x.repeat(2,2)
x.tile(2)
x.tile(2,2)
x.repeat_interleave(2)
x.repeat_interleave(2,0)
x.repeat_interleave(torch.tensor([1,2,3]),0)
x.tril()
x.triu()
x.diag()
v.diag()
v.diag_embed()
v.diagflat()
x.diagflat()
torch.meshgrid(v,v)[0]
torch.cartesian_prod(v,v)
torch.cartesian_prod(v)
torch.combinations(v)
torch.block_diag(x,x)
torch.broadcast_tensors(x,g(1,4))[1]
torch.broadcast_tensors(x,g(1,4))[0]
torch.broadcast_to(v,(2,3))
torch.atleast_1d(x)
torch.atleast_1d(x.sum())
torch.atleast_2d(v)
torch.atleast_2d(x.sum())
torch.atleast_3d(v)
torch.atleast_3d(x)
torch.atleast_3d(x.sum())
x.movedim(0,1)
x.moveaxis(0,1)
x.swapaxes(0,1)
x.flatten()
x.t().flatten()
v.flatten()
x.sum().flatten()
x.ravel()
x.t().ravel()
x.unflatten(1,(2,2))
F.pad(x,(1,1))
F.pad(x,(0,0))
F.pad(x,(-1,-1))
F.pad(x,(1,1),mode='reflect')
F.pad(x[None],(1,1),mode='reflect')
F.pad(x[None],(1,1,1,1),mode='reflect')
F.pad(x[None],(1,1),mode='replicate')
F.pad(x[None],(1,1,1,1),mode='replicate')
F.pad(x[None,None],(1,1,1,1),mode='circular')
F.pad(x[None],(1,1),mode='circular')
F.pixel_shuffle(g(1,4,2,2),2)
F.pixel_unshuffle(g(1,4,2,2),2)
F.channel_shuffle(g(1,4,2,2),2)
torch.trapezoid(x)
torch.cumulative_trapezoid(x)
x.diff()
x.diff(prepend=g(3,1))
torch.vander(v)
x.rot90(4)
torch.searchsorted(v,v)
torch.histogram(v.detach())[0]
x.nonzero()
x.argsort()
torch.isin(x,x)
torch.repeat_interleave(torch.tensor([1,2]))
x.argwhere()
x.adjoint()
""".strip().split("\n")


@pytest.mark.parametrize("program", PROGRAMS)
def test_gradient(program: str) -> None:
    assert gradients(tinytorch, program) == gradients(torch, program)
