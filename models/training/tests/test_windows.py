"""Windows that the forecaster is trained on."""

import numpy as np
import pytest

from almanac_training.data import mix, pool, synthetic
from almanac_training.data.corpus import Corpus
from almanac_training.data.split import is_held_out
from almanac_training.data.window import FUTURE, cut
from almanac_training.forecaster import evidence

SEASONS = (1, 4, 7, 12, 24, 48, 52, 13)


@pytest.fixture
def corpus_folder(tmp_path):
    """Write thirty monthly series whose values identify the series."""
    names = np.array([f"series {i}" for i in range(30)])
    values = [1000.0 * (i + 1) + np.arange(60.0) for i in range(30)]
    np.savez(
        tmp_path / "made.npz",
        values=np.concatenate(values).astype(np.float32),
        offsets=60 * np.arange(31),
        season=np.full(30, 12, dtype=np.int32),
        name=names,
    )
    return tmp_path


@pytest.mark.parametrize("seed", range(50))
def test_the_future_follows_the_context(seed):
    random = np.random.default_rng(seed)
    values = np.arange(random.integers(3, 400), dtype=float)
    window = cut(random, values, int(random.choice(SEASONS)))
    joined = np.r_[window.context, window.future]
    assert np.array_equal(joined, joined[0] + np.arange(len(joined)))
    assert 1 <= len(window.future) <= FUTURE and len(window.context) >= 1
    assert window.given_season in (0, window.season_length)


@pytest.mark.parametrize("values", [[1.0, 2.0], [np.nan] * 40, [1.0] * 5 + [np.nan] * 300])
def test_a_window_without_values_on_both_sides_is_none(values):
    random = np.random.default_rng(1)
    for _ in range(20):
        window = cut(random, np.array(values), 1)
        if window is not None:
            assert np.isfinite(window.context).any() and np.isfinite(window.future).any()


def test_held_out_series_are_never_drawn(corpus_folder):
    held_out = {i for i in range(30) if is_held_out("made", f"series {i}", 12)}
    assert held_out and len(held_out) < 30
    trained, kept = Corpus(corpus_folder), Corpus(corpus_folder, held_out=True)
    assert [len(corpus.series[12]) for corpus in (trained, kept)] == [
        30 - len(held_out),
        len(held_out),
    ]
    drawn = {int(values[0]) // 1000 - 1 for values in trained.series[12]}
    assert not drawn & held_out


def test_a_corpus_gives_coarser_series_too(corpus_folder):
    assert Corpus(corpus_folder).seasons() == [4, 12]


def test_a_folder_without_series_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no .npz file"):
        Corpus(tmp_path)


@pytest.mark.parametrize("season", SEASONS)
def test_the_prior_makes_windows_of_every_season(season):
    windows = list(synthetic.draw(np.random.default_rng(season), season, 64))
    assert len(windows) > 48
    for window in windows:
        assert np.abs(np.nan_to_num(np.r_[window.context, window.future])).max() < 1e30


def test_the_same_seed_draws_the_same(corpus_folder):
    for draw in (
        lambda random: mix.synthetic_windows(random, 40),
        lambda random: mix.real_windows(random, corpus_folder, 40),
    ):
        one, two = (list(draw(np.random.default_rng(3))) for _ in range(2))
        for left, right in zip(one, two, strict=True):
            assert np.array_equal(left.context, right.context, equal_nan=True)


def test_evidence_is_finite_and_in_the_units_of_the_context():
    random = np.random.default_rng(5)
    arrays = pool.Builder().build(random, mix.synthetic_windows(random, 300), lambda _: None)
    assert set(arrays) == set(pool.FIELDS)
    rows = len(arrays["features"])
    assert rows > 200
    for name, array in arrays.items():
        assert len(array) == rows, name
        if name != "target":
            assert np.isfinite(array.astype(np.float32)).all(), name
    assert arrays["steps"].min() >= 1
    assert arrays["recent"].shape[1] == len(evidence.LEVELS)
    # In scaled units, most targets are about as large as their contexts.
    assert 0.05 < np.nanmedian(np.abs(arrays["target"])) < 20.0
