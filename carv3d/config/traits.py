"""What a scene, an objective or a teacher says of itself, read before it is made: its options, rates and limits.

A class says it by attributes and inherits from here what it does not say. The built-in ones stand in this module, apart
from their classes (which inherit them), so that a configuration can be checked without loading torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from carv3d.config.export import MESHES, SPLATS
from carv3d.config.options import NoOptions
from carv3d.config.scenes import GaussiansConfig, ImageConfig, NerfConfig, SdfConfig
from carv3d.config.schema import ExactConfig, OptimizerConfig, VsdConfig
from carv3d.runtime.types import Value


class SceneTraits:
    """Options: a dataclass of fields made with ``schema.option``. rates: learning rate of each parameter group by name,
    unless the configuration says otherwise. formats: what ``carv3d export`` can write of it. lacks: why not the
    others, for people. gaussians: whether it is made of 3D Gaussians. marched: whether its renders with gradients tell
    their samples along rays. signed: whether it is a signed distance, whose zero is its surface. flat: whether it is a
    picture, which fills every view. defaults: options that have another default with it, by name."""

    Options: ClassVar[type] = NoOptions
    rates: ClassVar[dict[str, float]] = {}
    formats: ClassVar[tuple[str, ...]] = ()
    lacks: ClassVar[str] = "which declares no formats to write"
    gaussians: ClassVar[bool] = False
    marched: ClassVar[bool] = False
    signed: ClassVar[bool] = False
    flat: ClassVar[bool] = False
    defaults: ClassVar[dict[str, Value]] = {"estimator.k": 2, "optimizer.floor_encoding": 0.0}

    @classmethod
    def starts_from(cls, options: Any) -> tuple[str, int] | None:
        """The run that a fresh scene starts from, and how many points of it: opaque ones, or for a signed scene ones
        whose distance to its surface is known; None for most."""
        return None

    @classmethod
    def settle(cls, options: Any) -> None:
        """Before a run folder exists: UserError for files that are not there; paths in ``options`` become absolute."""


class ObjectiveTraits:
    """Options: as of a scene. default_guidance: what objective.guidance_scale=auto means, None what the teacher says.
    learns: whether it trains something of its own beside the scene, in layers added to the teacher. particles: whether
    it trains several scenes in turn, as many as its options' ``particles``."""

    Options: ClassVar[type] = NoOptions
    default_guidance: ClassVar[float | None] = None
    learns: ClassVar[bool] = False
    particles: ClassVar[bool] = False


class TeacherTraits:
    """Options: as of a scene. default_guidance: what objective.guidance_scale=auto means for it. toybox: whether its
    prompts are those of the toybox, whose ground truth is known. reads_text, network: whether the options prompts.* and
    teacher.dtype and its like mean anything to it. adaptable: whether LoRA layers can be put into it. told_light:
    whether it is told how a view is lit. stand_ins: whether those of its encoder, the small one and the linear way
    back, lie in its folder and are the default. located: whether its weights are named by teacher.path. folder: else,
    within the package, where they lie.
    defaults: options that have another default with it, by name."""

    Options: ClassVar[type] = NoOptions
    default_guidance: ClassVar[float] = 1.0
    toybox: ClassVar[bool] = False
    reads_text: ClassVar[bool] = False
    network: ClassVar[bool] = False
    adaptable: ClassVar[bool] = False
    told_light: ClassVar[bool] = False
    stand_ins: ClassVar[bool] = False
    located: ClassVar[bool] = False
    folder: ClassVar[str] = "bundled"
    defaults: ClassVar[dict[str, Value]] = {"estimator.k": 2, "optimizer.floor_encoding": 0.0}

    @classmethod
    def guidance(cls, path: str) -> float | None:
        """What objective.guidance_scale=auto means for the weights in ``path``; None where that is not known yet."""
        return cls.default_guidance


def _of_optimizer(*names: str) -> dict[str, float]:
    """Those that the section ``optimizer`` has as lr_NAME, with their defaults."""
    return {name: getattr(OptimizerConfig(), f"lr_{name}") for name in names}


class NerfTraits(SceneTraits):
    Options: ClassVar[type] = NerfConfig
    defaults: ClassVar[dict[str, Value]] = {}
    rates = _of_optimizer("encoding", "mlp")
    marched = True
    formats = MESHES
    lacks = "which has no Gaussians to write"


class SdfTraits(NerfTraits):
    Options = SdfConfig
    defaults = SceneTraits.defaults
    signed = True

    @classmethod
    def starts_from(cls, options: SdfConfig) -> tuple[str, int] | None:
        return (options.init, options.init_points) if options.init_kind == "run" else None

    @classmethod
    def settle(cls, options: SdfConfig) -> None:
        if options.init_kind == "run":
            options.init = str(Path(options.init).expanduser().absolute())


EARLIER: Value = {"values": [32, 64], "steps": [0, 150], "interpolation": "step"}  # pixels cost splats little


class GaussiansTraits(SceneTraits):
    Options = GaussiansConfig
    rates = _of_optimizer("means", "scales", "quaternions", "opacity", "sh")
    formats = (*MESHES, *SPLATS)
    gaussians = True
    defaults: ClassVar[dict[str, Value]] = {**SceneTraits.defaults, "data.width": EARLIER, "data.height": EARLIER}

    @classmethod
    def starts_from(cls, options: GaussiansConfig) -> tuple[str, int] | None:
        return (options.init, options.count) if options.init_kind == "run" else None

    @classmethod
    def settle(cls, options: GaussiansConfig) -> None:
        if options.init_kind != "blob":
            options.init = str(Path(options.init).expanduser().absolute())


class ImageTraits(SceneTraits):
    Options = ImageConfig
    rates = _of_optimizer("image")
    lacks = "a flat image"
    flat = True


class SdsTraits(ObjectiveTraits):
    """The teacher's own default guidance."""


class CsdTraits(ObjectiveTraits):
    default_guidance = 1.0


class VsdTraits(ObjectiveTraits):
    Options = VsdConfig
    default_guidance = 7.5
    learns = True
    particles = True


class ExactTraits(TeacherTraits):
    Options = ExactConfig
    toybox = True


class DiffusionTraits(TeacherTraits):
    """A diffusion model in a folder of diffusers."""

    reads_text = network = adaptable = True


class BundledTraits(DiffusionTraits):
    """K rises with what a render costs; found with this teacher, a NeRF and 640 steps."""

    default_guidance = 1.0
    defaults: ClassVar[dict[str, Value]] = {}
    toybox = told_light = stand_ins = True


class FlowTraits(BundledTraits):
    folder = "toybox/flow"


class ToyboxTraits(BundledTraits):
    """Another model of the toybox: what a folder has not, stand-ins or an embedding of views, is done without."""

    located = True


class DiffusersTraits(DiffusionTraits):
    """The default guidance is of the family that the folder turns out to be."""

    default_guidance = 100.0
    located = True
    defaults = {**TeacherTraits.defaults, "data.views": 4, "objective.t_max": 0.98,
                "trainer.max_steps": 10000}  # DreamFusion's

