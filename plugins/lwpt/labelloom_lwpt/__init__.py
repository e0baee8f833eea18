"""LW-PT (Liu et al. 2020): label-wise encoders, label-wise pre-training and fine-tuning."""
