"""Training, distillation, export and evaluation of the miniature checkpoint."""
