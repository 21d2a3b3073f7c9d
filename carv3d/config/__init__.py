"""The configuration: every option typed and bounded (schema), read and merged (load), checked, written back (dump)."""

from carv3d.config.checks import check_formats
from carv3d.config.dump import dump, flow
from carv3d.config.fields import NAMING, differences, field_of, keys, leaves
from carv3d.config.load import changed, estimators, load, of_estimator, pairs, parse, split
from carv3d.config.schema import Config

__all__ = ["NAMING", "Config", "changed", "check_formats", "differences", "dump", "estimators", "field_of", "flow",
           "keys", "leaves", "load", "of_estimator", "pairs", "parse", "split"]
