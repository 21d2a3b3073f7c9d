"""The hash grid: numba against the torch reference, values and gradients."""

from __future__ import annotations

import pytest
import torch

from carv3d.scenes.kernels.rays.hash_grid import HashGrid, encode_numba, encode_torch, level_shapes

SHAPES = [(1, 64, 2, 2), (3, 512, 4, 16), (8, 1 << 14, 8, 128), (5, 8, 1, 40)]


def grid_inputs(levels: int, table_size: int, base: int, finest: int, count: int = 3000):
    generator = torch.Generator().manual_seed(levels)
    resolution, row = level_shapes(levels, table_size, base, finest)
    table = torch.randn(int(row[-1]), 4, generator=generator)
    points = torch.rand(count, 3, generator=generator)
    edge = torch.tensor([0.0, 1.0, 0.5])
    points[:27] = torch.cartesian_prod(edge, edge, edge)  # corners, edges, faces and centre of the cube
    return points, table, resolution, row, torch.randn(count, 4 * levels, generator=generator)


@pytest.mark.parametrize("shape", SHAPES)
def test_numba_equals_torch(shape):
    points, table, resolution, row, cotangent = grid_inputs(*shape)
    results = []
    for encode in (encode_torch, encode_numba):
        leaf = table.clone().requires_grad_()
        value = encode(points, leaf, resolution, row)
        results.append((value.detach(), torch.autograd.grad((value * cotangent).sum(), leaf)[0]))
    (value, grad), (fast_value, fast_grad) = results
    assert (value - fast_value).abs().max() < 5e-6  # measured 4.8e-7
    assert (grad - fast_grad).abs().max() < 2e-5 * grad.abs().max()  # measured 2.4e-6


def test_dense_level_by_hand():
    resolution, row = level_shapes(1, 64, 2, 2)
    assert row.tolist() == [0, 27]
    table = torch.arange(27.0)[:, None].expand(27, 4).contiguous()  # x + 3y + 9z at each vertex: trilinear is exact
    points = torch.tensor([[0.25, 0.5, 0.75], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    for encode in (encode_torch, encode_numba):
        assert encode(points, table, resolution, row)[:, 0].tolist() == [0.5 + 3 + 13.5, 26.0, 0.0]


def test_levels_are_dense_where_they_fit():
    resolution, row = level_shapes(3, 512, 4, 16)
    assert resolution.tolist() == [4, 8, 16]
    assert (row[1:] - row[:-1]).tolist() == [125, 512, 512]


def test_bitwise_repeatable():
    points, table, resolution, row, cotangent = grid_inputs(*SHAPES[2], count=20_000)
    grads = []
    for _ in range(3):
        leaf = table.clone().requires_grad_()
        grads.append(torch.autograd.grad((encode_numba(points, leaf, resolution, row) * cotangent).sum(), leaf)[0])
    assert torch.equal(grads[0], grads[1]) and torch.equal(grads[0], grads[2])


def test_torch_reference_differentiates_to_points():
    points, table, resolution, row, _ = grid_inputs(2, 64, 2, 4, count=40)
    points = (points[27:].double() * 0.9 + 0.05).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: encode_torch(p, table.double(), resolution, row), points, eps=1e-7)


def test_bad_arguments_name_themselves():
    with pytest.raises(ValueError, match="table_size must be a power of two"):
        level_shapes(2, 100, 4, 8)
    with pytest.raises(ValueError, match="levels=0"):
        level_shapes(0, 64, 4, 8)
    points, _, resolution, row, _ = grid_inputs(*SHAPES[0])
    with pytest.raises(ValueError, match="4 features"):
        encode_numba(points, torch.zeros(int(row[-1]), 2), resolution, row)
    with pytest.raises(ValueError, match="points must not require"):
        encode_numba(points.requires_grad_(), torch.zeros(int(row[-1]), 4), resolution, row)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device"))])
def test_module_on_device(device):
    grid = HashGrid(4, 4, 256, 4, 32, "torch", torch.Generator().manual_seed(0)).to(device)
    features = grid(torch.rand(10, 3, device=device))
    assert features.shape == (10, 16) and features.device.type == device
    assert features.abs().max() <= 1e-4
