"""An explorer as one HTML file that computes by itself: the generator as a list of operations, and the page that runs them."""
