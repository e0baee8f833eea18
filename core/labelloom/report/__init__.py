"""What is told of a run beyond its metrics: sections that bundles bring."""
