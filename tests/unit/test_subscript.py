"""tensor[key] and tensor[key] = value: what they select, write and refuse, beside torch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
import tinytorch

sys.path.insert(0, str(Path(__file__).parent))
from programs import outcome

READS = """
a[5]
a[-4]
s[0]
s[0:1]
s[None]
a[0,0,0]
a[0,5]
a[1.0]
a["x"]
a[{}]
a[::-1]
a[::0]
a[0:"a"]
a[torch.tensor([7])]
a[:,torch.tensor([7])]
a[torch.tensor([5,0])]
a[torch.tensor([-4,0])]
a[torch.tensor([True,False])]
a[[True,False]]
a[[True,False,True]]
a[torch.tensor([1.,2.])]
a[torch.tensor([0,1]),torch.tensor([0,1,2])]
a[torch.zeros(3,4).bool(),0]
a[torch.zeros(2,3,4).bool()]
a[torch.zeros(3,3).bool()]
a[True,0]
a[False]
a[[]]
a[()]
a[[0,1.5]]
a[[[0,1],[1,2]]]
a[[[0,1],[1,2]],]
a[np.array([0,1])]
a[np.array([[0,1],[1,2]])]
a[np.array([True,False,True])]
a[np.int64(1)]
a[np.float32(1)]
a[np.bool_(True)]
a[range(2)]
a[(0,range(2))]
a[(slice(0,2),np.array(1))]
a[[slice(0,2),1]]
a[[None,0]]
a[[I,I]]
a[[0,I]]
a[...,...]
a[...,0]
a[None,...,None]
a[True,False]
a[True,[0,1]]
a[torch.tensor(1,dtype=torch.uint8)]
a[torch.tensor(1,dtype=torch.int32)]
a[torch.tensor(1.)]
a[torch.tensor([0,1],dtype=torch.int32)]
a[torch.tensor([0,1],dtype=torch.int16)]
a[torch.tensor([0,1],dtype=torch.int8)]
a[torch.tensor([0,1,1],dtype=torch.uint8)]
a[torch.tensor([0,1],dtype=torch.uint16)]
a[torch.tensor([0,1]):]
a[torch.tensor(1):torch.tensor(3)]
a[1.5:]
a[torch.tensor(1.):]
a[0].vsplit(2)
a[0].fliplr()
a[0].rot90()
a[0].tril()
""".strip().split("\n")

WRITES = """
a.__setitem__(0,torch.zeros(5))
a.__setitem__(0,"x")
a.__setitem__(0,None)
a.__setitem__(0,[1,2,3,4])
a.__setitem__(0,np.zeros(4))
a.__setitem__(0,np.float64(4))
a.__setitem__(0,1j)
ai.__setitem__(0,1.5)
ai.__setitem__(0,torch.tensor(1.5))
ai.__setitem__(0,1j)
ai.__setitem__(I,1.5)
ai.__setitem__(I,torch.tensor(1.5))
ai.__setitem__(I,torch.tensor(1.5)[None])
ai.__setitem__(0,torch.ones(4)*1.5)
a.__setitem__(I,torch.zeros(3,4))
a.__setitem__(I,torch.zeros(1,1,2,4))
a.__setitem__(0,torch.zeros(1,1,4))
a.__setitem__(0,torch.zeros(2,1,4))
a.__setitem__(slice(0,2),torch.zeros(3,4))
a.__setitem__(a>5,torch.zeros(3))
a.__setitem__(a>5,torch.zeros(6).double())
a.__setitem__(a>5,torch.zeros(6,dtype=torch.int64))
a.__setitem__(9,0.)
a.__setitem__((0,0,0),0.)
a.__setitem__(torch.tensor([5]),0.)
a.__delitem__(0)
torch.tensor([True,False]).__setitem__(0, 2)
""".strip().split("\n")


@pytest.mark.parametrize("program", READS)
def test_reading(program: str) -> None:
    assert outcome(tinytorch, program) == outcome(torch, program)


@pytest.mark.parametrize("program", WRITES)
def test_writing(program: str) -> None:
    assert outcome(tinytorch, program) == outcome(torch, program)
