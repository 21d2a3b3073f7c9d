"""The configuration: every option typed and bounded (schema), read and merged (load), checked, written back (dump).

Components of your own declare theirs with ``option`` and ``Schedule``.
"""

from carv3d.config.checks import check_formats, check_new
from carv3d.config.dump import dump, flow
from carv3d.config.fields import NAMING, differences, field_of, keys, leaves
from carv3d.config.load import changed, estimators, load, of_estimator, pairs, parse, split
from carv3d.config.options import Schedule, option
from carv3d.config.schema import Config
from carv3d.config.words import spelled_out

__all__ = ["NAMING", "Config", "Schedule", "changed", "check_formats", "check_new", "differences", "dump", "estimators",
           "field_of", "flow", "keys", "leaves", "load", "of_estimator", "option", "pairs", "parse", "spelled_out",
           "split"]
