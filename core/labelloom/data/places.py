"""Where data lies, told so that it means the same from any folder: what a run keeps in its spec."""

from __future__ import annotations

from pathlib import Path

from labelloom.data.label_files import label_path
from labelloom.data.sources import base_folder, sample_names
from labelloom.spec.data import HUB_PREFIX, DataSettings


def absolute(settings: DataSettings) -> DataSettings:
    """`settings` with a source and a label file that are paths from the current folder as absolute ones.

    The name of a sample is left as it is, and so is that of a data set of the hub. `data.files` are names below the
    source already.
    """
    labels = label_path(settings, base_folder(settings))
    if labels is not None:
        settings = settings.model_copy(update={"label_file": str(labels.absolute())})
    prefix = HUB_PREFIX if settings.source.startswith(HUB_PREFIX) else ""
    path = Path(settings.source.removeprefix(prefix)).expanduser()
    if (not prefix and settings.source in sample_names()) or not path.exists():
        return settings
    return settings.model_copy(update={"source": f"{prefix}{path.absolute()}"})
