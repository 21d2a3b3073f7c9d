"""scripts/count_teachers.py: what K is worth, by its formula, and the architectures by their published sizes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import count_teachers


@pytest.mark.parametrize("r,rho,k", [(0.15, 2.0, 4), (0.78, 5.0, 4), (1.75, 20.0, 8)])
def test_what_k_is_worth(r, rho, k):
    own, best, most = count_teachers.worth(r, rho, k)
    assert own == pytest.approx((1 + rho) * (r + 1) / ((1 + rho / k) * (r + k)))
    assert most >= max(own, 1.0) and abs(best - max(1.0, (r * rho) ** 0.5)) < 1


@pytest.mark.parametrize("model", ["sana-1600m", "flux2-klein-4b"])
def test_a_published_model_has_its_published_size(model):
    """The control: SANA's autoencoder takes 32 pixels a side together, FLUX.2's 16."""
    found = count_teachers.counted(model, 256, 1)
    assert found.parameters / 1e9 == pytest.approx(count_teachers.MODELS[model][1], abs=0.05)
    assert found.latent_shape == {"sana-1600m": (32, 8, 8), "flux2-klein-4b": (128, 16, 16)}[model]
    assert found.denoiser_bytes == 2 * found.parameters
