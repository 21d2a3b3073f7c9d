"""Scores and sketches against dattri, another library for data attribution, and against influence in closed form."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy.linalg import hadamard
from torch import Tensor
from torch.utils.data import DataLoader

from carv3d.attribution import estimators, lds
from carv3d.attribution.gradients import sketched
from carv3d.carv.variance import Sketch


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- the linear datamodelling score -----------------------------------------------------------------------------------

@pytest.mark.parametrize("ties", [False, True])
def test_the_datamodelling_score_is_dattris(tmp_path, ties):
    """Of losses of models in files, as dattri's retraining leaves them, two a subset. Its metric correlates as it is told;
    its ground truth is minus the loss, as ours is."""
    metric = pytest.importorskip("dattri.metric")
    members, scores = lds.subsets(60, 40), torch.randn(7, 60, generator=seeded(1))
    scores = scores.round() if ties else scores
    losses = torch.randn(40, 2, 7, generator=seeded(2)) - 0.3 * torch.stack(
        [scores[:, each].sum(1) for each in members])[:, None]  # which the scores predict, in part
    losses = losses.round() if ties else losses
    for number, each in enumerate(members.tolist()):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}/indices.txt").write_text("\n".join(map(str, each)))
    (tmp_path / "metadata.yml").write_text(yaml.safe_dump({
        "num_subsets": 40, "num_runs_per_subset": 2,
        "subset_dir_map": {number: str(tmp_path / f"{number}") for number in range(40)}}))

    def loss(path: Path, queries: DataLoader) -> Tensor:
        return losses[int(path.parent.name), int(path.stem.rsplit("_")[-1])]

    truth = metric.calculate_lds_ground_truth(loss, tmp_path, DataLoader(range(7)))
    ours = lds.lds(scores, members, losses.mean(1))
    assert np.allclose(ours, metric.lds(scores.T, truth)[0], atol=1e-6) and ours.min() > 0.2
    assert np.allclose(ours, -metric.lds(scores.T, (losses.mean(1), members))[0], atol=1e-6)
    assert ties == (len(losses.mean(1)[:, 0].unique()) < 40)


def test_a_query_that_no_subset_changes_has_no_correlation():
    """Scored 0 here, and not a number by dattri: a mean over queries stays one."""
    metric = pytest.importorskip("dattri.metric")
    members, scores = lds.subsets(20, 10), torch.randn(1, 20, generator=seeded(1))
    constant = torch.ones(10, 1)
    assert lds.lds(scores, members, constant).tolist() == [0]
    with pytest.warns(match="constant"):
        assert metric.lds(scores.T, (constant, members))[0].isnan().all()


# --- sketches ---------------------------------------------------------------------------------------------------------

LENGTH, SIZE, REPEATS = 300, 32, 2000
PAIRS = ((0, 1), (0, 2), (1, 1))


def gradients() -> Tensor:
    """Three vectors [3,LENGTH], related, with heavy tails and means that are not zero."""
    draw = seeded(3)
    values = torch.randn(3, LENGTH, generator=draw) * torch.randn(LENGTH, generator=draw).exp() + 0.3
    values[2] += values[0]
    return values


def products(rows: Tensor) -> Tensor:
    """Of sketches [R,3,size]: the inner products of ``PAIRS``, [R,pairs]."""
    gram = rows.double() @ rows.double().mT
    return torch.stack([gram[:, a, b] for a, b in PAIRS], 1)


def sketches(size: int = SIZE, signs: bool = True) -> Tensor:
    values, out = gradients(), []
    for number in range(REPEATS):
        sketch = Sketch.make(LENGTH, size, seeded(number))
        out.append(sketched(values, sketch if signs else Sketch(sketch.bucket, torch.ones(LENGTH), size)))
    return products(torch.stack(out))


@pytest.fixture(scope="module")
def ours() -> Tensor:
    return sketches()


@pytest.fixture(scope="module")
def theirs() -> Tensor:
    """By dattri's dense projection of random signs."""
    projection = pytest.importorskip("dattri.func.projection")
    values, out = gradients(), []
    for number in range(REPEATS):
        project = projection.random_project(values, len(values), SIZE, 32, proj_seed=10 ** 6 + number,
                                            proj_type="rademacher")
        out.append(project(values))
    return products(torch.stack(out))


def bias(found: Tensor) -> Tensor:
    """Of each pair, in standard errors."""
    exact = products(gradients()[None])[0]
    return (found.mean(0) - exact) / (found.std(0) / REPEATS ** 0.5)


def spread(found: Tensor) -> tuple[Tensor, Tensor]:
    """Of each pair, the log of the variance, and the square of its standard error, by the fourth moment."""
    centred = found - found.mean(0)
    return found.var(0).log(), (centred.pow(4).mean(0) / centred.square().mean(0).square() - 1) / REPEATS


def excess(found: Tensor) -> Tensor:
    """Of each pair, the variance over (|x|^2 |y|^2 + <x,y>^2 - 2 sum x_i^2 y_i^2) / size, as random signs give it, whether
    every number of a sketch sums all coordinates or each coordinate goes to one: its log, in standard errors."""
    pairs = [(gradients()[a].double(), gradients()[b].double()) for a, b in PAIRS]
    theory = torch.stack([x @ x * (y @ y) + (x @ y) ** 2 - 2 * (x * x) @ (y * y) for x, y in pairs]) / SIZE
    value, error = spread(found)
    return (value - theory.log()) / error.sqrt()


def test_the_sketch_is_unbiased_and_spreads_as_theory_says(ours):
    """Within 4.5 standard errors, in the means and variances of three pairs: false alarm 7e-6 each, 4e-5 together; the
    seeds are fixed. Controls: a sketch without signs is biased; one of two thirds of the size spreads more."""
    assert bias(ours).abs().max() < 4.5 and excess(ours).abs().max() < 4.5
    assert bias(sketches(signs=False)).abs().min() > 4.5 and excess(sketches(SIZE * 2 // 3)).min() > 4.5


def test_the_sketch_does_as_dattris_projection_of_its_size(ours, theirs):
    """Means and variances of three pairs differ by less than 4.5 standard errors: false alarm 7e-6 each, 4e-5 together.
    Controls as above."""
    def apart(found: Tensor) -> tuple[Tensor, Tensor]:
        (own, error), (other, other_error) = spread(found), spread(theirs)
        mean = (found.mean(0) - theirs.mean(0)) / ((found.var(0) + theirs.var(0)) / REPEATS).sqrt()
        return mean.abs(), (own - other).abs() / (error + other_error).sqrt()

    assert torch.cat(apart(ours)).max() < 4.5
    assert apart(sketches(signs=False))[0].min() > 4.5 and apart(sketches(SIZE * 2 // 3))[1].min() > 4.5


# --- influence --------------------------------------------------------------------------------------------------------

def test_the_kernel_is_leaving_one_out_where_that_is_closed():
    """Least squares on five columns of a Hadamard matrix of 32 rows, mixed, whose residuals are +-c along a sixth: all
    leverages are 5/32 and all squared residuals c^2, so that the Gram matrix of gradients is c^2 that of the pictures,
    and without picture i a query's prediction rises by c^2 / (1 - 5/32) times its score, exactly, damping aside.
    The dot product, which lacks the inverse, is the control."""
    columns = torch.tensor(hadamard(32)).double()
    mixing = torch.randn(5, 5, generator=seeded(5)).double() + 2 * torch.eye(5).double()
    x, c = columns[:, 1:6] @ mixing, 0.7
    w = torch.randn(5, generator=seeded(6)).double()
    y = x @ w + c * columns[:, 6]  # least squares give w
    asked = torch.randn(4, 5, generator=seeded(7)).double()
    rise = torch.zeros(4, 32).double()
    for i in range(32):
        keep = torch.arange(32) != i
        rise[:, i] = asked @ (torch.linalg.lstsq(x[keep], y[keep, None]).solution[:, 0] - w)
    training = (x @ w - y)[:, None] * x
    found = estimators.of_means(asked, training, 1e-9)["kernel"].double()
    assert torch.allclose(c ** 2 / (1 - 5 / 32) * found, rise, rtol=1e-4, atol=1e-5 * rise.abs().max().item())
    dot = asked @ training.T
    scaled = dot * ((dot * rise).sum() / dot.square().sum())
    assert (scaled - rise).abs().max() > 0.1 * rise.abs().max()
