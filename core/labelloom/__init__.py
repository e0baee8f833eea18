"""labelloom weaves multi-label text classifiers from published parts."""
