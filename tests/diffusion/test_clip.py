"""The CLIP score, by a model made here: the published architecture in small, random weights, a tokenizer of letters."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from carv3d import cli
from carv3d import config as configuration
from carv3d.quality.clip import MEAN, STD, ClipScore
from carv3d.runtime.errors import UserError

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(3)
    tokens = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{c}</w>" for c in LETTERS)]
    small = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    text = dict(vocab_size=len(tokens), max_position_embeddings=40, bos_token_id=0, eos_token_id=1, pad_token_id=1)
    vision = dict(image_size=32, patch_size=8)
    CLIPModel(CLIPConfig(text_config=small | text, vision_config=small | vision, projection_dim=8)).save_pretrained(folder)
    vocabulary = {token: i for i, token in enumerate(tokens)}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=40).save_pretrained(folder)
    return folder


def test_it_is_what_the_model_says(clip):
    """Of pictures of the model's own size nothing is resized or cut."""
    from transformers import CLIPModel, CLIPTokenizer

    rgb = torch.rand(5, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    model, tokenizer = CLIPModel.from_pretrained(clip).eval(), CLIPTokenizer.from_pretrained(clip)
    pictures = (rgb.permute(0, 3, 1, 2) - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        out = model(pixel_values=pictures, **tokenizer("a red mushroom", return_tensors="pt"))
    wanted = (100 * F.cosine_similarity(out.image_embeds, out.text_embeds)).clamp_min(0).mean().item()
    score = ClipScore(str(clip))
    assert score("a red mushroom", rgb) == pytest.approx(wanted, rel=1e-5) and wanted > 0
    assert score("a blue car", rgb) != pytest.approx(wanted, rel=1e-3)
    assert score("a red mushroom", 1 - rgb) != pytest.approx(wanted, rel=1e-3)


def test_pictures_alone_are_embedded_as_the_model_does(clip):
    from transformers import CLIPModel

    rgb = torch.rand(5, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    pictures = (rgb.permute(0, 3, 1, 2) - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    model = CLIPModel.from_pretrained(clip).eval()
    with torch.no_grad():
        wanted = model.visual_projection(model.vision_model(pixel_values=pictures).pooler_output)
    torch.testing.assert_close(ClipScore(str(clip)).embed(rgb), F.normalize(wanted, dim=1))


def test_a_large_picture_is_resized_and_its_middle_taken(clip):
    score = ClipScore(str(clip))
    rough = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    small, large = (F.interpolate(rough, (side, side), mode="bilinear").permute(0, 2, 3, 1) for side in (32, 128))
    wanted = score("a red mushroom", small)
    assert score("a red mushroom", large) == pytest.approx(wanted, abs=0.5)
    sides = torch.zeros(2, 128, 32, 3)
    assert score("a red mushroom", torch.cat([sides, large, sides], 2)) == pytest.approx(wanted, abs=0.5)
    assert score("a red mushroom", torch.cat([large, sides, sides], 2)) != pytest.approx(wanted, abs=1.0)


SMALL = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=8", "data.views=4",
         "scene.type=image", "scene.image.size=16", "export.video=false", "trainer.preview_every=0",
         "trainer.max_steps=4", "budget.evaluations=2"]


def test_it_joins_the_quality_of_a_run(clip, tmp_path, capsys):
    assert cli.main(["train", *SMALL, f"exp_root_dir={tmp_path}", f"quality.clip={clip}"]) == 0
    folder = Path(capsys.readouterr().out.strip().splitlines()[-1])
    points = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines() if "quality" in line]
    summary = json.loads((folder / "summary.json").read_text())
    assert len(points) == 2 and all(0 <= p["quality"]["clip_score"] <= 100 and "psnr" in p["quality"] for p in points)
    assert summary["quality"]["clip_score"] == pytest.approx(points[-1]["quality"]["clip_score"])
    assert cli.main(["eval", str(folder), f"quality.clip={clip}"]) == 0
    assert f"clip_score: {summary['quality']['clip_score']:.4f}" in capsys.readouterr().out


@pytest.mark.parametrize("content,message", [(None, "no readable config.json"), ('{"model_type": "bert"}', "type bert"),
                                             ('{"model_type": "clip"}', "no tokenizer")])
def test_what_is_no_clip_model_is_told_before_anything_runs(tmp_path, capsys, content, message):
    if content:
        (tmp_path / "config.json").write_text(content)
    assert cli.main(["train", *SMALL, f"exp_root_dir={tmp_path / 'out'}", f"quality.clip={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_without_ground_truth_only_clip_allows_points_along_the_run(clip):
    given = ["prompt=x", "teacher.type=stable-diffusion", "budget.evaluations=3"]
    with pytest.raises(UserError, match="quality.clip=FOLDER"):
        configuration.load(None, given)
    assert configuration.load(None, [*given, f"quality.clip={clip}"]).budget.evaluations == 3
