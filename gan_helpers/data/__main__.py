"""`python -m gan_helpers.data`: prepare Fashion-MNIST."""

from gan_helpers.data.fashion_mnist import prepare

if __name__ == "__main__":
    print("Fashion-MNIST is prepared in", prepare(progress=True))
