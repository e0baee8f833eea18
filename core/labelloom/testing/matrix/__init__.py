"""What fits with what: models made of every installed component, from the records alone.

    from labelloom.bundles import Catalogue
    from labelloom.testing.matrix import Parts, cover

    for mixture in cover(Parts(Catalogue())).mixtures:
        print(mixture.title)

Nothing here names a component: one that is installed takes part. It does so in each of its forms: the options, of the
defaults, of those with which installed specs use it, and of the defaults but for one, under which it needs or gives
something else.
"""

from labelloom.testing.matrix.bases import Base, bases, chains, encoders, runs
from labelloom.testing.matrix.covering import Covering, cover
from labelloom.testing.matrix.dressing import Mixture, dressed, problems
from labelloom.testing.matrix.fits import Way, reason, refusal, way
from labelloom.testing.matrix.parts import Form, Parts
from labelloom.testing.matrix.small import small
from labelloom.testing.matrix.tables import Tables

__all__ = [
    "Base",
    "Covering",
    "Form",
    "Mixture",
    "Parts",
    "Tables",
    "Way",
    "bases",
    "chains",
    "cover",
    "dressed",
    "encoders",
    "problems",
    "reason",
    "refusal",
    "runs",
    "small",
    "way",
]
