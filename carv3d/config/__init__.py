"""The configuration: every option typed and bounded (schema), read and merged (load), checked, written back (dump)."""

from carv3d.config.checks import check_formats
from carv3d.config.dump import dump, flow
from carv3d.config.fields import field_of, keys
from carv3d.config.load import changed, estimators, leaves, load, of_estimator, parse, split
from carv3d.config.schema import Config

__all__ = ["Config", "changed", "check_formats", "dump", "estimators", "field_of", "flow", "keys", "leaves", "load",
           "of_estimator", "parse", "split"]
