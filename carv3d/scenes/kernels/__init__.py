"""The hot loops of the scenes: each has a plain torch reference and a compiled form.

Importing this package sets the folder of numba's cache, because that must happen before numba is imported.
"""

from carv3d.runtime.kernel_cache import use_cache

use_cache()
