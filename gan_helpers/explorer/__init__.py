"""A generator's latent space under sliders: state, picture, widget, page."""
