"""The bundle `mix`: specs of models whose parts come from several papers. It has no components of its own."""
