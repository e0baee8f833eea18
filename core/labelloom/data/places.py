"""Where data lies, told so that it means the same from any folder: what a run keeps in its spec."""

from __future__ import annotations

from pathlib import Path

from labelloom.bundles import Catalogue
from labelloom.data.label_files import label_path
from labelloom.data.sources import base_folder, sample_names, source_record
from labelloom.sources import address
from labelloom.spec.data import DataSettings


def absolute(settings: DataSettings) -> DataSettings:
    """`settings` with a source and a label file that are paths from the current folder as absolute ones.

    The name of a sample is left as it is, and so is what a bundle's source reads, unless that is a path. `data.files`
    are names below the source already.
    """
    labels = label_path(settings, base_folder(settings))
    if labels is not None:
        settings = settings.model_copy(update={"label_file": str(labels.absolute())})
    found = address(settings.source)
    if found is None:
        prefix, name = "", settings.source
    elif source_record(settings.source, Catalogue()).paths:
        prefix, name = f"{found[0]}:", found[1]
    else:
        return settings
    path = Path(name).expanduser()
    if (not prefix and name in sample_names()) or not path.exists():
        return settings
    return settings.model_copy(update={"source": f"{prefix}{path.absolute()}"})
