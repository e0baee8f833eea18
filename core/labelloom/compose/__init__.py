"""From a spec to a checked model: plan and check without torch, then build."""
