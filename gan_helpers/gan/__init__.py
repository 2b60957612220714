"""The GAN: its training step, and what a step may vary: objectives, regularisers, augmentations, schedules."""
