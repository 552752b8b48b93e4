"""Size, device, and the named constants, against torch's."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tinytorch._core import layouts
from tinytorch._core.device import device, device_in_force, refuse_allocation, refuse_transfer
from tinytorch._core.size import Size, size_of

torch = pytest.importorskip("torch")

OURS = {"Size": Size, "device": device, **{name: getattr(layouts, name) for name in layouts.CONSTANTS}}
OURS |= {name: getattr(layouts, name) for name in ("layout", "memory_format", "qscheme")}


ERRORS = (
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    pickle.PickleError,
)


class Index:
    def __init__(self, value: object) -> None:
        self.value = value

    def __index__(self) -> int:
        if self.value is None:
            raise ValueError("no value")
        return self.value  # type: ignore[return-value]


def outcome(source: str, library: Any) -> Any:
    """What the expression `source` gives with `torch` being `library`: value text and type name, or the error."""
    names = {
        "torch": library,
        "np": np,
        "Index": Index,
        "copy": copy,
        "pickle": pickle,
        "S": library.Size([2, 3]),
    }
    try:
        result = eval(source, names)
    except ERRORS as error:
        return type(error), str(error)
    return repr(result), type(result).__name__


def agree(source: str) -> None:
    assert outcome(source, SimpleNamespace(**OURS)) == outcome(source, torch)


SIZES = """
torch.Size()| torch.Size([])| torch.Size((2,))| torch.Size(2)| torch.Size([2.0])| torch.Size([1,'a'])| torch.Size([True])
torch.Size(range(3))| torch.Size(x for x in [1,2])| torch.Size([None])| torch.Size([2],[3])| torch.Size(x=1)| torch.Size([-1,5])
torch.Size([np.int64(3)])| type(torch.Size([np.int64(3)])[0])| type(torch.Size([True])[0])| torch.Size([2**63])[0]| torch.Size([2**70]).numel()| repr(torch.Size([2**63]))
torch.Size([2**62,4]).numel()| torch.Size([2**62,2]).numel()| S[:1]| S[0]| S[::2]| S[-1]| S[5]| S['a']| S+(1,)| S+S| S+[1]| (1,)+S
[1]+S| S*2| 2*S| S*0| S*-1| S+('a',)| S+(1.5,)| S==(2,3)| (2,3)==S| S!=(2,3)| S<(2,4)| hash(S)==hash((2,3))| S.numel()
torch.Size([]).numel()| torch.Size([0,2]).numel()| S.index(3)| S.count(2)| copy.copy(S)| copy.deepcopy(S)| torch.Size.__module__
torch.Size.__qualname__| repr(torch.Size)| str(S)| f'{S}'| f'{S:>30}'| '%s'%(S,)| list(S)| tuple(S)| len(S)| type('X',(torch.Size,),{})
S+3| S+None| S*'a'| S*1.5| S*None| S.__mul__(2)| S.__rmul__(2)| S.__radd__((1,))| S.__getitem__(slice(0,1))
sorted(S)| max(S)| S.foo| setattr(S,'x',1)| setattr(S,'numel',1)| delattr(S,'x')| isinstance(S,tuple)| sum([S,S],())| sum([(1,),S],())
(1,)+S+(2,)| torch.Size((1,))+(2,)+torch.Size((3,))| (1,).__add__(S)| ('a',)+S| (1.5,)+S| [*S]| S[True]| S[np.int64(1)]| S[None]
torch.Size([S])| torch.Size('12')| torch.Size({1:2})| torch.Size({3})| torch.Size(None)| torch.Size([[1]])| torch.Size([np.float32(3)])
torch.Size([np.bool_(True)])| S>=(2,3)| S==[2,3]| torch.Size([1,2,3])[1:]+(4,)| torch.Size(np.array([1,2]))| S+np.array([1,1])
np.array([1,1])+S| torch.Size([np.uint64(2**63)])[0]| torch.Size([Index(4)])| torch.Size([Index(None)])| torch.Size([Index(2**70)])[0]
S*[1]| S*np.array([1,2])| S*np.float64(2)| S*True| 1.5*S
type(torch.Size([Index(4)])[0])| S*np.int64(2)| S.__getnewargs__()| S.__iadd__| repr(torch.Size([1]))| bool(torch.Size())
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("source", [text.strip() for text in SIZES if text.strip()])
def test_size(source: str) -> None:
    agree(source)


def test_size_without_checks() -> None:
    assert repr(size_of((4, 5))) == "torch.Size([4, 5])"
    assert type(size_of((4, 5))) is Size


DEVICES = (
    """
'cpu'|'cpu:0'|'cuda'|'cuda:1'|'cuda',0|'cpu',0|'cpu',1|0|1|-1|300|2**70|'foo'|''|'cuda:'|'cuda:-1'|'cuda:a'|'cuda:01'|'cuda:0:1'|'cpu:0',1
'cuda:0',0|'CUDA'|' cpu'|None||1.5|True|torch.device('cpu')|torch.device('cuda',1)|torch.device('cuda'),1|type='cuda',index=2|type='cuda'
device='cuda:1'|index=1|'cuda',None|'cuda','0'|'cuda',-1|'cuda',-2|'cuda',300|'cuda:300'|'cuda:128'|'cuda:127'|'cuda',128|'cuda',1.0
('cuda',0),|'cpu','cpu'|'cuda:99999999999999'|'cuda:2147483647'|'cuda:2147483648'|'cuda:+1'|'cuda: 1'|'cuda:1 '|'mps'|'xpu'|'meta'|'meta:0'
'meta',3|'hip'|'xla'|'ipu'|'mkldnn'|'opengl'|'opencl'|'ideep'|'fpga'|'maia'|'ort'|'lazy'|'vulkan'|'mtia'|'hpu'|'privateuseone'|'ve'|'metal'
'cpu2'|'foo:1'|'foo:a'|'privateuse1'|'cuda_x'|'9'|'cuda:١'|'cpu',0,0|type=3|device=3|device=torch.device('cpu')|device=None
type='cpu',index='a'|type='cpu',foo=1|'cuda',index=None|'cpu',device='cpu'|int|[1]|{}|{'a':1}|np.ones(1)|'cpu\\n'|b'cpu'|b'cpu',1
bytearray(b'cpu')|1j|'cpu',torch.device('cpu')|type='cuda:1',index=0|'meta',-1|type=None|None,1|1,1|'cpu','0','1'|index=0,type='cuda'
index=0,device='cuda'|(),|(1,2),|(1,),|[]|[[1],2]|(1,(2,3)),|[torch.device('cpu')]|torch.strided|torch.Size([1])|foo=1|'cpu',type='cpu'
'cuda',255|'cuda',256|'cuda',65535|'cuda',2**31|'cuda',2**40|'cuda',2**63|'cuda',True|'cuda',np.int64(1)|np.int64(0)|Index(0)|'cuda',Index(3)
'foo',1|'',1|'cuda:a',1|type='foo'|type=b'cpu'|device='cpu:9'|device=b'cpu'
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("arguments", DEVICES)
def test_device_arguments(arguments: str) -> None:
    agree(f"torch.device({arguments})")


USES = (
    """
{}.type|{}.index|str({})|f'{{{}}}'|f'{{{}:>5}}'|hash({})|copy.copy({})|copy.deepcopy({})|{}.foo|setattr({},'type','x')|setattr({},'foo','x')
setattr({},'index',1)|delattr({},'type')|bool({})|{}==3|{}=='cpu'|{}!='cpu'|{}.__eq__(3)|{}<{}|{}>={}|{}==torch.device('cuda:1')
{}=={}|{}==torch.device('cpu',0)|repr(type({}))|type({}).__module__|type('X',(type({}),),{{}})|pickle.loads(pickle.dumps({})).type
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("use", USES)
def test_device_uses(use: str) -> None:
    # torch cannot copy its own device("cuda:128"): it makes -128 of the index, and refuses that when it rebuilds it.
    texts = ["'cuda:128'"] if "copy" not in use and "pickle" not in use else []
    for text in (
        *texts,
        "'cpu'",
        "'cpu:0'",
        "'cuda'",
        "'cuda:1'",
        "'meta'",
        "'xpu:3'",
        "'mtia'",
        "'privateuseone'",
    ):
        made = f"torch.device({text})"
        if "f'" in use and "'" in made:
            made = made.replace("'", '"')
        agree(use.replace("{}", made).replace("{{", "{").replace("}}", "}"))


PLACES = [
    "cuda",
    "cuda:1",
    "mps",
    "xpu",
    "hip",
    "xla",
    "ipu",
    "mkldnn",
    "opengl",
    "opencl",
    "ideep",
    "maia",
    "lazy",
    "vulkan",
    "mtia",
    "hpu",
    "privateuseone",
    "ve",
    "fpga",
]


@pytest.mark.parametrize("name", PLACES)
def test_refusals(name: str) -> None:
    for ours, theirs in (
        (refuse_allocation, lambda: torch.zeros(1, device=name)),
        (refuse_transfer, lambda: torch.ones(1).to(name)),
    ):
        with pytest.raises(Exception) as expected:
            theirs()
        with pytest.raises(expected.type) as got:
            ours(device(name))
        # torch appends where its build registered each kernel, and puts before some the line of its source that refused.
        paragraph = str(expected.value).split("\n")[0].strip()
        assert paragraph.endswith(str(got.value))
        assert "INTERNAL ASSERT" in paragraph or paragraph == str(got.value)


def test_device_as_context() -> None:
    assert device_in_force() is None
    with device("meta") as outer:
        assert device_in_force() is outer
        with device("cpu"):
            assert device_in_force() == device("cpu")
            elsewhere: list[object] = []
            thread = threading.Thread(target=lambda: elsewhere.append(device_in_force()))
            thread.start()
            thread.join()
            assert elsewhere == [None]
        with pytest.raises(ZeroDivisionError), device("cuda"):
            _ = 1 / 0
        assert device_in_force() is outer
    assert device_in_force() is None


@pytest.mark.parametrize("name", sorted(layouts.CONSTANTS))
def test_constants(name: str) -> None:
    for use in [
        "repr({})",
        "str({})",
        "f'{}'",
        "format({},'>3')",
        "repr(type({}))",
        "type({}).__name__",
        "type({})()",
        "type('X',(type({}),),dict())",
        "{}.foo",
        "setattr({},'a',1)",
        "{}=={}",
        "{}==torch.strided",
        "hash({})==object.__hash__({})",
        "setattr({},'__repr__',1)",
        "copy.copy({}) is {}",
    ]:
        agree(use.replace("f'{}'", f"f'{{torch.{name}}}'").replace("{}", f"torch.{name}"))
    ours = getattr(layouts, name)
    assert copy.deepcopy(ours) is ours
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(ours, protocol)) is ours


def test_pickles_load_where_there_is_no_torch() -> None:
    values = [Size([2, 3]), device("cuda:1"), device("cpu"), layouts.strided, layouts.channels_last]
    program = (
        "import sys, pickle; sys.modules['torch'] = None\n"
        "print([repr(x) for x in pickle.loads(sys.stdin.buffer.read())])"
    )
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=pickle.dumps(values, protocol),
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode().strip() == repr([repr(value) for value in values])
