"""What some libraries read from the environment while they load: import this before anything that loads them.

A node's products of matrices are small and it shares its cores with everything else there: two BLAS threads that wait
for each other on busy cores turn 0.3 ms into 24 (95th percentile). gRPC's own lines on standard error say again, in C,
what comes back as a typed error. Whoever sets a variable is listened to.

structlog loads rich where it is installed, for tracebacks that show local variables, and so secrets. A node prints
none of those, and is 6 MB lighter without.
"""

from __future__ import annotations

import sys

from neurons.config import default_variables

default_variables(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", GRPC_VERBOSITY="NONE")

if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # what an import of it meets as an ImportError
    import structlog  # noqa: F401

    del sys.modules["rich"]
