"""Exact save and restore of everything that a run needs to go on: the newest three epochs, each complete or absent."""

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import warnings
import weakref
from pathlib import Path

import keras
import numpy as np

from gan_helpers.gan.gan import GAN
from gan_helpers.storage.run_lock import only_this_process
from gan_helpers.storage.whole_files import partials, require_writable, write_whole


def _state(gan) -> dict[str, list]:
    """Every variable that training changes, by owner. `variables` of a model include its dropout's random state."""
    return {
        "generator": gan.generator.variables,
        "discriminator": gan.discriminator.variables,
        "ema_generator": gan.ema_generator.variables,
        "g_optimizer": gan.g_optimizer.variables,
        "d_optimizer": gan.d_optimizer.variables,
        "gan": gan.own_variables,
    }


class Damaged(OSError):
    """A checkpoint whose bytes are not those that were written."""


def save(gan, path: str | os.PathLike, epoch: int, history: list[dict], described: str | None = None) -> None:
    """Write one checkpoint, atomically: a `.npz` of all variables, with epoch, seed and history as JSON beside them.

    The random state needs no more than the seed and the step: shuffling, latents and label noise are functions of them.
    Dropout's state is among the variables. The archive's comment is the SHA-256 of what it was without one.

    Args:
        described: what `describe` says of the GAN, where it is known already.
    """
    arrays = {
        f"{owner}/{i:03d}": np.asarray(variable)
        for owner, variables in _state(gan).items()
        for i, variable in enumerate(variables)
    }
    facts = {"epoch": epoch, "seed": gan.seed, "latent_dim": gan.latent_dim, "history": history}
    buffer = io.BytesIO()
    np.savez(buffer, facts=np.array(json.dumps(facts)), gan=np.array(described or describe(gan)), **arrays)
    write_whole(Path(path), _sealed(buffer.getvalue()))


def describe(gan) -> str:
    """A GAN as JSON, from which it can be built without its recipe: networks, loss, settings, optimizers; no weights.

    What Keras cannot describe is said in its place: {"refused": the reason}.
    """
    try:
        return json.dumps({"gan": GAN.get_config(gan), "compile": GAN.get_compile_config(gan)})
    except Exception as error:  # a layer or a loss of one's own can fail in any way
        return json.dumps({"refused": f"{type(error).__name__}: {error}"[:300]})


def described(run_dir: str | os.PathLike) -> dict | None:
    """What `describe` said of the GAN in the newest checkpoint that can be read; None where there is none, or an older one."""
    for path in reversed(paths(run_dir)):
        with contextlib.suppress(Damaged):
            _, arrays = _read(path)
            return json.loads(str(arrays["gan"])) if "gan" in arrays else None
    return None


_SEAL = re.compile(rb"(.{2})sha256:([0-9a-f]{64})\Z", re.DOTALL)


def _sealed(archive: bytes) -> bytes:
    """A zip archive without a comment, with its own SHA-256 as one; the last two bytes of either count the comment's."""
    comment = b"sha256:" + hashlib.sha256(archive).hexdigest().encode()
    return archive[:-2] + len(comment).to_bytes(2, "little") + comment


def _read(path: Path) -> tuple[dict, dict]:
    """Facts and arrays of a checkpoint, all of them read.

    Raises:
        Damaged: other bytes than were written, or no archive of this kind. Checkpoints from before they were sealed are
            judged by what can be read.
    """
    try:
        content = path.read_bytes()
        if seal := _SEAL.search(content[-100:]):
            content = content[: -len(seal[0])] + b"\0\0"
            if hashlib.sha256(content).hexdigest().encode() != seal[2]:
                raise ValueError("its bytes have changed since it was written")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(str(arrays.pop("facts")))
        facts["epoch"], facts["seed"], facts["history"]
    except Exception as error:  # of damaged archives NumPy and zipfile raise a dozen kinds
        raise Damaged(f"{path} cannot be read ({type(error).__name__}: {error})") from error
    return facts, arrays


def restore(gan, path: str | os.PathLike) -> tuple[int, list[dict]]:
    """Bring `gan` (compiled) to where the checkpoint stands; every array is checked before the first is assigned.

    Returns:
        The number of finished epochs, and the history, one dict per epoch.

    Raises:
        ValueError: another seed, or a variable that is missing or of another shape; the message names it.
        Damaged: the file is not a whole checkpoint.
    """
    facts, arrays = _read(Path(path))
    if facts["seed"] != gan.seed:
        raise ValueError(
            f"{path} belongs to a run with seed {facts['seed']}; this one has seed {gan.seed}. "
            "Use that seed, or another run folder."
        )
    values = []
    for owner, variables in _state(gan).items():
        saved = sum(name.startswith(f"{owner}/") for name in arrays)
        if saved != len(variables):
            raise ValueError(
                f"{path} does not fit in {owner}: it holds {saved} variables, this run has {len(variables)}. "
                "Use another run folder"
            )
        for i, variable in enumerate(variables):
            value = arrays.get(f"{owner}/{i:03d}", np.empty(0))
            if value.shape != tuple(variable.shape):
                raise ValueError(
                    f"{path} does not fit: {owner} {variable.path} has shape {value.shape} there and {tuple(variable.shape)} here"
                )
            values.append((variable, value))
    for variable, value in values:
        variable.assign(value)
    return facts["epoch"], facts["history"]


def paths(run_dir: str | os.PathLike) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    found = (Path(run_dir) / "checkpoints").glob("epoch_*.npz")
    return sorted((p for p in found if re.fullmatch(r"epoch_\d{4,}\.npz", p.name)), key=lambda p: int(p.stem[6:]))


class Checkpoint(keras.callbacks.Callback):
    """Saves a GAN's run after every epoch, and brings it back.

        checkpoint = gh.Checkpoint("runs/dcgan")
        gan.fit(dataset, epochs=4, initial_epoch=checkpoint.restore(gan), callbacks=[checkpoint])

    Put it last in the list of callbacks: what the others draw and write of an epoch is then there before the epoch counts.
    While it trains, the folder is locked against other processes. In another `fit` of the same GAN it goes on counting.

    Args:
        run_dir: the run folder; `checkpoints/` and `history.csv` are kept in it.
        keep: how many of the newest checkpoints stay.

    Raises, when training starts:
        BlockingIOError: another process trains into the folder.
        OSError: the folder cannot be written to, or lacks the room for `keep` + 1 checkpoints, those there included.
        ValueError: the folder holds checkpoints that were not restored, or another GAN's.
    """

    def __init__(self, run_dir: str | os.PathLike, keep: int = 3):
        super().__init__()
        if keep < 1:
            raise ValueError(f"keep is {keep}; it must be at least 1")
        self.run_dir = Path(run_dir)
        self.keep = keep
        self.rows: list[dict] = []
        self._restored = False
        self._gan = None  # whose epochs the rows are
        self._lock = contextlib.ExitStack()
        self._epoch = 1

    def restore(self, gan) -> int:
        """Bring the compiled `gan` to the newest checkpoint that can be read; return the number of finished epochs.

        0 where there is none. A damaged checkpoint is passed over with a warning.

        Raises:
            OSError: there are checkpoints, and none can be read.
            ValueError: they belong to another network or seed.
        """
        found = paths(self.run_dir)
        self._restored, self._gan = True, weakref.ref(gan)
        for partial in partials(self.run_dir / "checkpoints"):
            warnings.warn(f"{partial} was not written to its end and is ignored", stacklevel=2)
        for path in reversed(found):
            try:
                epoch, self.rows = restore(gan, path)
                self._epoch = epoch + 1
                return epoch
            except Damaged as error:
                warnings.warn(f"{error}; trying the one before", stacklevel=2)
        if found:
            raise OSError(
                f"none of the {len(found)} checkpoints in {found[0].parent} can be read; begin anew in another run folder"
            )
        return 0

    def epochs_done(self, gan) -> int:
        """How many epochs of `gan` it has seen, or restored.

        Raises:
            ValueError: they were another GAN's.
        """
        if self.rows and self._gan is not None and self._gan() is not gan:
            raise ValueError(
                f"this Checkpoint keeps another GAN's run in {self.run_dir}: make a new gh.Checkpoint with a run folder of its own"
            )
        return self.rows[-1]["epoch"] if self.rows else 0

    def on_train_begin(self, logs=None):
        if not self._restored and (found := paths(self.run_dir)):
            raise ValueError(
                f"{self.run_dir} holds {len(found)} checkpoints of an earlier run. Go on with it, "
                "initial_epoch=checkpoint.restore(gan), or use another run folder, or delete this one."
            )
        self._lock.enter_context(only_this_process(self.run_dir))
        try:
            size = sum(np.asarray(variable).nbytes for owner in _state(self.model).values() for variable in owner)
            there = sum(path.stat().st_size for path in paths(self.run_dir))
            require_writable(self.run_dir, max((self.keep + 1) * size - there, size))
        except OSError:
            self.release()
            raise
        for partial in partials(self.run_dir):
            partial.unlink()
        self._restored = True  # from here on the checkpoints are this run's own
        self._gan, self._described = weakref.ref(self.model), describe(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1

    def on_epoch_end(self, epoch, logs=None):
        self.rows = [*self.rows, {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}]
        table = io.StringIO()
        writer = csv.DictWriter(
            table,
            fieldnames=list(dict.fromkeys(name for row in self.rows for name in row)),
            restval="",
            lineterminator="\n",
        )
        writer.writeheader()
        writer.writerows(self.rows)
        write_whole(self.run_dir / "history.csv", table.getvalue().encode())
        # The checkpoint comes last: an epoch counts when all of it is there.
        save(
            self.model,
            self.run_dir / "checkpoints" / f"epoch_{epoch + 1:04d}.npz",
            epoch + 1,
            self.rows,
            self._described,
        )
        for path in paths(self.run_dir)[: -self.keep]:
            path.unlink()

    def on_train_end(self, logs=None):
        self.release()

    def release(self) -> None:
        """Unlock the folder; `GAN.fit` calls it however training ends."""
        self._lock.close()

    def how_to_go_on(self) -> str:
        """One line for whoever has stopped the training."""
        found = paths(self.run_dir)
        kept = f"{found[-1]} is kept; the same call goes on from it" if found else "no epoch was finished"
        return f"Stopped in epoch {self._epoch}: {kept}."
