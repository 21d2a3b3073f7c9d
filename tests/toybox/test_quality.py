"""Scores on toybox prompts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from carv3d.runtime.errors import UserError
from carv3d.toybox import quality
from carv3d.toybox.grammar import Spec, caption, parse
from carv3d.toybox.lists import distractors
from carv3d.toybox.quality import descriptors, evaluation_cameras, score, truth

PROMPT = "a red mushroom"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def forget() -> None:
    descriptors.cache_clear()
    quality._all_layers.cache_clear()


def pictures(prompt: str) -> tuple[Tensor, Tensor]:
    rgb, mask = truth(parse(prompt))
    return rgb, mask.float()


def test_the_views_are_the_fixed_ones() -> None:
    cameras = evaluation_cameras()
    assert len(cameras) == 16 and (cameras.width, cameras.height) == (64, 64)
    assert cameras.azimuth_deg.tolist() == [22.5 * i for i in range(16)]
    assert cameras.elevation_deg.min() == -5 and cameras.elevation_deg.max() == 35
    assert (cameras.distance == 2.65).all() and (cameras.fovy_deg == 40.0).all()


@pytest.mark.parametrize("prompt", [PROMPT, "a yellow duck", "a cyan torus on top of a pink cube"])
def test_the_truth_scores_perfectly(prompt: str) -> None:
    result = score(prompt, *pictures(prompt))
    assert result == {
        "psnr": 100.0, "mask_iou": 1.0, "retrieval_top1": True, "retrieval_rank": 1, "nearest_prompt": prompt,
    }


def test_a_prompt_spelt_out_is_the_same_prompt() -> None:
    assert score("a red mushroom with a white stem", *pictures(PROMPT))["retrieval_top1"]


def test_the_truth_of_a_distractor_is_wrong() -> None:
    for other in distractors(parse(PROMPT))[::50]:
        result = score(PROMPT, *pictures(caption(other)))
        assert not result["retrieval_top1"] and result["nearest_prompt"] == caption(other) and result["psnr"] < 40


def test_a_tie_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = parse(PROMPT)
    tied = descriptors(spec).clone()
    tied[7] = tied[0]
    monkeypatch.setattr(quality, "descriptors", lambda *_: tied)
    result = score(PROMPT, *pictures(PROMPT))
    assert not result["retrieval_top1"] and result["retrieval_rank"] == 2


def test_no_two_candidates_tie() -> None:
    for prompt in (PROMPT, "a black snowman", "an orange sphere on top of a black table"):
        flat = descriptors(parse(prompt)).flatten(1)
        assert (torch.pdist(flat) ** 2 / flat.shape[1]).min() > 5e-5


def test_numbers_by_hand() -> None:
    rgb, mask = pictures(PROMPT)
    half = mask.clone()
    half[:8] = 0.5  # not above the threshold: those views are empty
    result = score(PROMPT, rgb + 0.1, half)
    assert result["psnr"] == pytest.approx(20.0, abs=1e-3) and result["mask_iou"] == pytest.approx(0.5)
    assert result["retrieval_top1"]


def test_bad_pictures_rank_last() -> None:
    rgb, mask = pictures(PROMPT)
    rgb[3, 10, 10, 0] = torch.nan
    result = score(PROMPT, rgb, mask)
    assert result["retrieval_rank"] == 201 and not result["retrieval_top1"]
    assert score(PROMPT, torch.full_like(rgb, 0.5), torch.zeros_like(mask))["mask_iou"] == 0.0


def test_the_cache_is_read_and_a_damaged_one_is_made_anew(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    expected = descriptors(Spec("mug", "green"))
    (kept,) = (cache / "carv3d" / "truth").iterdir()
    whole = kept.read_bytes()

    forget()
    with monkeypatch.context() as patch:
        patch.setattr(quality, "render_layers", lambda *_: pytest.fail("the cache was not read"))
        assert torch.equal(descriptors(Spec("mug", "green")), expected)

    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for content in (whole[: len(whole) // 2], bytes(damaged), b""):
        kept.write_bytes(content)
        forget()
        assert torch.equal(descriptors(Spec("mug", "green")), expected)
        assert kept.read_bytes()[:2] == b"PK" and len(kept.read_bytes()) == len(whole)
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_no_cache_folder_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    forget()
    assert score(PROMPT, *pictures(PROMPT))["retrieval_top1"]


def test_wrong_input_is_refused() -> None:
    rgb, mask = pictures(PROMPT)
    with pytest.raises(ValueError, match="16 views"):
        score(PROMPT, rgb[:8], mask[:8])
    with pytest.raises(UserError):
        score("a red dinosaur", rgb, mask)
