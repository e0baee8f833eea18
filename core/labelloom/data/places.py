"""What a run keeps of where its data lies and how it was read: the same from any folder, and in a later release."""

from __future__ import annotations

from labelloom.bundles import Catalogue
from labelloom.config import written_out
from labelloom.data.label_files import label_path
from labelloom.data.options import named_reader, read_options
from labelloom.data.sources import base_folder, sample_names
from labelloom.paths import expanded
from labelloom.sources import DataSource, address
from labelloom.spec.data import DataSettings


def kept(settings: DataSettings) -> DataSettings:
    """`settings` with every option of the source or format that they name written out, and with absolute paths.

    Paths are the source and a label file. The name of a sample is left as it is, and so is what a bundle's source
    reads, unless that is a path. `data.files` are names below the source already. A scheme becomes the whole name of
    its source, since a bundle that is installed later may bring the same scheme.

    Raises DataError for options that are wrong, and UnknownNameError and BundleError as `named_reader` does.
    """
    catalogue = Catalogue()
    reader = named_reader(settings, catalogue)
    changes = written_out(read_options(reader, settings, catalogue))
    labels = label_path(settings, base_folder(settings))
    if labels is not None:
        changes["label_file"] = str(labels.absolute())
    found = address(settings.source)
    of_bundle = reader if isinstance(reader, DataSource) else None
    prefix, name = (f"{of_bundle.name}:", found[1]) if of_bundle and found else ("", settings.source)
    path = expanded(name)
    may_be_one = of_bundle.paths if of_bundle else name not in sample_names()
    changes["source"] = f"{prefix}{path.absolute() if may_be_one and path.exists() else name}"
    return settings.model_copy(update=changes)
