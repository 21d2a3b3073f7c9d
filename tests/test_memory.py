"""Chunks: memory that runs out costs time and one line, never the result."""

import pytest
import torch

from carv3d import carv
from carv3d.runtime import memory
from carv3d.runtime.errors import UserError
from carv3d.runtime.memory import Chunks

CPU = torch.device("cpu")


def draws(k: int) -> carv.Draws:
    make = torch.Generator().manual_seed
    return carv.draw(2, k, (3, 4, 4), carv.make_proposal(carv.uniform_target(1000, 20, 980)), stratified=True,
                     noise="iid", time_generator=make(0), noise_generator=make(1))


class Network:
    """A value function that runs out of memory above ``most`` rows."""

    def __init__(self, most: int, error: Exception):
        self.most, self.error, self.rows = most, error, []
        self.weight = torch.randn(3, 3, 3, 3, generator=torch.Generator().manual_seed(2))

    def __call__(self, view: torch.Tensor, timestep: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        self.rows.append(len(noise))
        if len(noise) > self.most:
            raise self.error
        return torch.nn.functional.conv2d(noise, self.weight, padding=1) * timestep.view(-1, 1, 1, 1) / 1000


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
], ids=["cuda", "cpu", "cublas"])
def test_chunks_are_halved_until_they_fit(error, capsys):
    network, drawn = Network(4, error), draws(8)  # two views: 16 rows, then 8, then 4
    whole = carv.estimate(Network(99, error), drawn).mean
    chunks = Chunks("teacher", "auto", CPU)
    run = lambda: chunks.run(lambda chunk: carv.estimate(network, drawn, chunk), 8).mean  # noqa: E731
    assert (run() - whole).norm() <= 1e-5 * whole.norm()
    assert network.rows == [16, 8, 4, 4, 4, 4] and chunks.size == 2
    said = capsys.readouterr()
    lines = (said.out + said.err).strip().splitlines()
    assert lines == ["teacher: out of memory with 8 draws per view at once; going on with 4",
                     "teacher: out of memory with 4 draws per view at once; going on with 2"]
    run()
    assert network.rows[6:] == [4, 4, 4, 4]  # what was learnt is kept
    assert not "".join(capsys.readouterr())


def test_one_draw_that_does_not_fit_is_the_users_to_solve():
    network = Network(1, torch.OutOfMemoryError("no"))
    with pytest.raises(UserError, match="teacher with one draw per view at a time; lower data.batch_size"):
        Chunks("teacher", 0, CPU).run(lambda chunk: carv.estimate(network, draws(4), chunk), 4)


def test_other_errors_are_not_swallowed():
    network = Network(1, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        Chunks("teacher", "auto", CPU).run(lambda chunk: carv.estimate(network, draws(4), chunk), 4)
    assert network.rows == [8]


@pytest.mark.parametrize("given,size", [("auto", 0), (0, 0), (3, 3)])
def test_what_is_given(given, size):
    assert Chunks("teacher", given, CPU).size == size
    assert Chunks("teacher", given, torch.device("cuda")).size == (None if given == "auto" else size)


@pytest.mark.parametrize("workers,has", [("", 70), ("2", 40), ("3", 23), ("x", 70)])
def test_several_workers_of_a_sweep_share_a_device(monkeypatch, workers, has):
    """Of 100 bytes 70 are free and 10 this process's own: alone it may take all 70, as one of two 50 less its 10."""
    monkeypatch.setenv("CARV3D_DEVICE_SLOTS", workers)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (70, 100))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 10)
    assert memory.capacity(torch.device("cuda")) == has


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_cuda_the_first_call_is_measured():
    cuda = torch.device("cuda")
    chunks = Chunks("teacher", "auto", cuda)
    free, _ = torch.cuda.mem_get_info()
    asked = []

    def call(chunk):
        asked.append(chunk)
        return torch.empty(free // 10, dtype=torch.uint8, device=cuda).numel()

    assert chunks.run(call, 16) == free // 10 and asked == [1] and 4 <= chunks.size <= 8


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_moving_to_the_device_waits_for_nothing():
    """PyTorch's own detector of waits raises on the plain copy of pageable memory, and not on ours."""
    from carv3d.runtime.devices import moved

    given = torch.rand(1 << 16)
    torch.cuda.set_sync_debug_mode("error")
    try:
        there = moved(given, "cuda")
        with pytest.raises(RuntimeError):
            given.to("cuda")
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(there.cpu(), given)


def test_moving_within_the_host_copies_nothing():
    from carv3d.runtime.devices import moved

    given = torch.rand(3)
    assert moved(given, "cpu") is given
