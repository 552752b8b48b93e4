"""Storages and memory formats, against torch."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import tinytorch

from .test_bridges import outcome

PROGRAMS = """
t = torch.arange(4.); s = t.untyped_storage(); (s.nbytes(), s.size(), len(s), s.element_size(), s.data_ptr() == t.data_ptr())
t = torch.arange(4.)[1:]; (t.untyped_storage().nbytes(), t.storage_offset())
t = torch.arange(4.); t.untyped_storage() == t.untyped_storage()
t = torch.arange(4.); t.untyped_storage()._cdata == t[1:].untyped_storage()._cdata
torch.arange(2, dtype=torch.int16).untyped_storage()
torch.arange(2, dtype=torch.int16).untyped_storage().tolist()
torch.arange(2, dtype=torch.int16).untyped_storage()[1:3]
torch.arange(2, dtype=torch.int16).untyped_storage()[10]
t = torch.arange(2, dtype=torch.int16); t.untyped_storage()[0] = 300; t
t = torch.arange(2, dtype=torch.int16); t.untyped_storage().fill_(1); t
t = torch.arange(2, dtype=torch.int16); t.untyped_storage().clone().fill_(1); t
t = torch.arange(2); t.untyped_storage().byteswap(torch.int64); t
t = torch.arange(2); t.untyped_storage().copy_(torch.ones(2, dtype=torch.int64).untyped_storage()); t
torch.UntypedStorage(3).nbytes()
torch.UntypedStorage([1, 2, 3])
torch.UntypedStorage('a')
torch.UntypedStorage(3, device='meta')
torch.UntypedStorage(3, device='cuda')
torch.UntypedStorage.from_buffer(b'abcd', 'big', dtype=torch.int16).tolist()
s = torch.UntypedStorage([1, 0, 2, 0]); t = torch.empty(0, dtype=torch.int16).set_(s); (t, t.untyped_storage().data_ptr() == s.data_ptr())
s = torch.UntypedStorage([1, 0, 2, 0]); torch.tensor([], dtype=torch.int16).set_(s, 1, (1,), (1,))
t = torch.arange(4.); u = torch.zeros(0); u.set_(t.storage(), 1, (3,), (1,)); u
t = torch.arange(4.); (t.is_set_to(t), t.is_set_to(t[:]), t.is_set_to(t.clone()), t.is_set_to(t.view(2, 2)))
torch.arange(4.).is_set_to(1)
t = torch.arange(4.); (torch.equal(t[1:], t[:3]), torch.equal(t[::2], torch.tensor([0., 2.])))
torch.arange(2.).storage()
s = torch.arange(2.).storage(); (s[0], s[-1], s.tolist(), len(s), s.nbytes(), s.element_size(), s.dtype, s.type(), s.pickle_storage_type())
t = torch.arange(2.); t.storage()[0] = 5; t
torch.arange(2.).storage()[5]
torch.arange(2.).storage()['a']
torch.arange(2.).storage()[0:1]
torch.arange(2.).storage().double()
t = torch.arange(2.); (torch.is_storage(t.storage()), torch.is_storage(t.untyped_storage()), isinstance(t.storage(), torch.FloatStorage))
torch.TypedStorage([1, 2], dtype=torch.int32).tolist()
torch.TypedStorage(wrap_storage=torch.UntypedStorage(8), dtype=torch.int32).size()
t = torch.zeros(2, device='meta'); (t.untyped_storage().nbytes(), t.untyped_storage().data_ptr(), t.untyped_storage())
torch.zeros(2, device='meta').untyped_storage()[0]
torch.zeros(3, 2).expand(2, 3, 2).untyped_storage().nbytes()
x = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last); (x.is_contiguous(), x.is_contiguous(memory_format=torch.channels_last))
x = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last); (x.clone().stride(), x.contiguous().stride(), torch.empty_like(x).stride())
x = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last); ((x + 1).stride(), x.double().stride(), x.relu().stride(), x.detach().stride())
x = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last); ((x + torch.zeros(2, 3, 4, 5)).stride(), (torch.zeros(3, 1, 1) + x).stride())
torch.zeros(2, 3, 4).to(memory_format=torch.channels_last)
torch.zeros(2, 3, 4, 5, 6).to(memory_format=torch.channels_last_3d).stride()
torch.zeros(2, 1, 4, 5).contiguous(memory_format=torch.channels_last).stride()
torch.zeros(2, 3, 1, 1).is_contiguous(memory_format=torch.channels_last)
torch.zeros(2, 3).is_contiguous(memory_format=1)
torch.zeros(2, 3).t().contiguous().stride()
""".strip().splitlines()


@pytest.mark.parametrize("program", PROGRAMS)
def test_as_torch(program: str) -> None:
    assert outcome(tinytorch, program) == outcome(torch, program)


def test_mapped_files(tmp_path: Path) -> None:
    for library in (torch, tinytorch):
        path = str(tmp_path / library.__name__)
        Path(path).write_bytes(bytes(range(10)))
        storages = library.UntypedStorage
        private = storages.from_file(path, False, 5)
        private[0] = 9
        assert (private.tolist(), private.filename) == ([9, 1, 2, 3, 4], None)
        shared = storages.from_file(path, shared=True, nbytes=12)
        shared[1] = 9
        assert shared.filename == path
        assert Path(path).read_bytes() == bytes([0, 9, *range(2, 10), 0, 0])
        with pytest.raises(RuntimeError, match="size <12> is smaller than the required mapping size <20>"):
            storages.from_file(path, False, 20)
        with pytest.raises(
            RuntimeError, match=r"unable to open file .* in read-only mode: No such file or directory"
        ):
            storages.from_file(path + "?", False, 20)
