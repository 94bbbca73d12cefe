"""Words to numbers, pictures and words to heat: shapes, gradients, and that words decide."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from agents.vla.closer import YAWS, Closer
from agents.vla.network import (
    CAMERAS,
    GLIMPSE,
    HEIGHTS,
    STRIDE,
    Film,
    Network,
    NetworkSpec,
    crops,
    n_parameters,
    place_token,
)
from agents.vla.tokenizer import Tokenizer, words


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


SMALL = NetworkSpec(width=16, deep=16, blocks=1, words=16)
ROLES = replace(SMALL, roles=True)
PLACE = torch.tensor([place_token("tray", "take")] * 2)


def ids(*texts):
    return torch.from_numpy(np.stack([Tokenizer().encode(text) for text in texts]))


def pictures(n=2, size=32, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_words_are_numbers_of_a_fixed_shape():
    tokenizer = Tokenizer(n_words=4, n_pieces=6)
    rows = tokenizer.encode("Load the RED ring, please now")
    assert rows.shape == (4, 6)
    assert rows.dtype == np.int64
    assert rows.min() >= 0
    assert rows.max() < tokenizer.n_buckets
    assert np.array_equal(rows, tokenizer.encode("load the red ring"))  # case and what is cut do not matter
    assert not tokenizer.encode("").any()
    assert words("Teile: lade, 2 Stück 赤") == ["teile", "lade", "2", "stück", "赤"]


def test_a_word_is_the_same_in_every_process():
    code = (
        "from agents.vla.tokenizer import Tokenizer; print(Tokenizer().encode('load the blue ring').tolist())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1")
    }  # fmt: skip
    assert len(seen) == 1
    assert seen.pop().strip() == str(Tokenizer().encode("load the blue ring").tolist())


def test_a_slip_of_the_keyboard_shares_most_pieces():
    tokenizer = Tokenizer(n_pieces=40)

    def shared(a, b):
        a, b = set(tokenizer.pieces(a)[1:]), set(tokenizer.pieces(b)[1:])
        return len(a & b) / len(a | b)

    assert shared("flange", "flanges") > 0.5
    assert shared("flange", "purple") == 0


@pytest.mark.parametrize("wrong", [{"n_words": 0}, {"n_buckets": 1}, {"longest": 2}])
def test_a_tokenizer_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="allowed"):
        Tokenizer(**wrong)


def test_shapes_and_size():
    network = Network()
    assert 200_000 < n_parameters(network) < 1_000_000
    x = pictures(size=64)
    heat, features, condition = network.features(x, ids("load it", "put it"), PLACE)
    assert heat.shape == (2, 64 // STRIDE, 64 // STRIDE)
    said = network.details(features, condition, torch.tensor([[0, 0], [15, 3]]), x)
    shapes = {name: tuple(value.shape) for name, value in said.items()}
    assert shapes == {"offset": (2, 2), "height": (2, HEIGHTS), "yaw": (2, YAWS + 1), "close": (2, 2)}
    assert network.closer(x, torch.tensor([[3.0, 4.0], [60.0, 3.0]])).shape == (2, YAWS + 1)
    assert network.where_to_look(ids("load it", "put it"), torch.tensor([0, 1])).shape == (2, len(CAMERAS))


def test_a_part_that_is_turned_is_said_to_be_turned():
    """Whatever the weights: another turn of the picture moves the answer by as much, and nothing else."""
    torch.manual_seed(0)
    closer, n, turn = Closer(), 64, 0.7
    bar = torch.zeros(2, 3, n, n)
    columns, rows = torch.meshgrid(*[torch.arange(n) + 0.5 - n / 2] * 2, indexing="xy")
    for picture, angle in zip(bar, (0.2, 0.2 + turn), strict=True):
        along = columns * np.cos(angle) - rows * np.sin(angle)
        across = columns * np.sin(angle) + rows * np.cos(angle)
        picture[:] = torch.exp(-((along / 8) ** 4) - (across / 3) ** 4)
    with torch.no_grad():
        said = closer(bar, torch.full((2, 2), n / 2)).numpy()
    assert np.ptp(said[0, :YAWS]) > 0.1
    moved = np.roll(said[0, :YAWS], round(turn / np.pi * YAWS))
    assert np.corrcoef(moved, said[1, :YAWS])[0, 1] > 0.95
    assert said[0, YAWS] == pytest.approx(said[1, YAWS], abs=0.02)


def test_details_are_read_at_their_cell():
    network = Network(SMALL)
    features = torch.zeros(1, 16, 8, 8)
    features[0, :, 5, 2] = 1.0
    condition = torch.zeros(1, 16)
    blank = torch.zeros(1, 3, 32, 32)
    here = network.details(features, condition, torch.tensor([[2, 5]]), blank)["height"]
    there = network.details(features, condition, torch.tensor([[5, 2]]), blank)["height"]
    assert not torch.equal(here, there)


def test_a_closer_look_is_round_its_cell():
    x = torch.zeros(2, 3, 64, 64)
    x[0, :, 22, 42] = 1.0  # the middle of cell (10, 5)
    x[1, :, 2, 2] = 1.0
    close = crops(x, torch.tensor([[10, 5], [0, 0]]))
    assert close.shape == (2, 3, GLIMPSE, GLIMPSE)
    for picture in close:
        assert (picture != 0).nonzero()[:, 1:].unique().tolist() == [GLIMPSE // 2]


@pytest.mark.parametrize("spec", [SMALL, ROLES])
def test_every_weight_learns(spec):
    network = Network(spec)
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, Film):  # zero at first, which hides the words from what is behind
                part.linear.weight.normal_(0, 0.1)
    x = pictures()
    places = torch.tensor([place_token("tray", "take"), place_token("tray", "put")])
    heat, features, condition = network.features(x, ids("load the red ring", "x"), places)
    said = network.details(features, condition, torch.tensor([[1, 1], [2, 2]]), x)
    said["turn"] = network.closer(x, torch.tensor([[9.0, 9.0], [20.0, 12.0]]))
    said["look"] = network.where_to_look(ids("load the red ring", "x"), torch.tensor([0, 1]))
    (heat.square().sum() + sum(value.square().sum() for value in said.values())).backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not still


def test_at_first_words_do_not_steer_the_trunk():
    network = Network(SMALL)
    _, one, _ = network.features(pictures(), ids("load the red ring", "a"), PLACE)
    _, other, _ = network.features(pictures(), ids("put the blue shaft", "b"), PLACE)
    assert torch.equal(one, other)


def test_words_never_met_say_next_to_nothing():
    network = Network(SMALL)
    network.eval()
    plain, _ = network.reader(ids("", "zyxwv"), torch.tensor([0, 0]))
    assert plain[0].abs().max() == 0
    assert plain[1].abs().max() < 0.2


def test_words_decide_where():
    """Two coloured spots; the words say which. What was learned follows when they are swapped."""
    torch.manual_seed(0)
    network = Network(SMALL)
    adam = torch.optim.AdamW(network.parameters(), 3e-3)
    rng = np.random.default_rng(0)
    named = {"red": 0, "blue": 2}

    def scene(n):
        x = torch.zeros(n, 3, 16, 16)
        cells = np.stack([rng.permutation(16)[:2] for _ in range(n)])
        for i in range(n):
            for k, channel in enumerate(named.values()):
                row, column = divmod(int(cells[i, k]), 4)
                x[i, channel, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
        return x, torch.from_numpy(cells)

    def heat(x, which):
        said = ids(*(f"load the {list(named)[k]} ring" for k in which))
        return network.features(x, said, PLACE[:1].expand(len(which)))[0].flatten(1)

    for _ in range(140):
        x, cells = scene(16)
        which = rng.integers(2, size=16)
        adam.zero_grad()
        functional.cross_entropy(heat(x, which), cells[np.arange(16), which]).backward()
        adam.step()
    x, cells = scene(50)
    with torch.no_grad():
        for k in (0, 1):
            right = (heat(x, [k] * 50).argmax(1) == cells[:, k]).float().mean()
            assert right > 0.9, f"{list(named)[k]}: {right}"


@pytest.mark.parametrize("spec", [SMALL, ROLES])
def test_roles_tell_which_part_is_taken_and_which_is_the_place(spec):
    """A sentence of two parts: words of the one count when it is taken, of the other when it is put down.

    Without roles every word counts the same in what is sought, whatever the look is for.
    """
    torch.manual_seed(0)
    network = Network(spec)
    with torch.no_grad():
        network.reader.table.weight[1:].normal_(0, 0.5)
    said = ids("stack the red ring on the blue shaft", "stack the red ring on the blue shaft")
    plain, _ = network.reader(said, torch.tensor([0, 1]))
    assert torch.equal(plain[0], plain[1]) != spec.roles
    if not spec.roles:
        return
    adam = torch.optim.AdamW(network.reader.parameters(), 1e-2)
    pairs = [(a, b) for a in ("red", "blue", "pink") for b in ("red", "blue", "pink") if a != b]

    def counts(which):
        """How much the two colours count, (n, 2), in sentences in which they change places."""
        n = [[f"stack the {x} ring on the {y} shaft" for x, y in (p, p)] for p in which]
        rows = ids(*(text for both in n for text in both))
        word = network.reader.table(rows)
        word = word[:, :, 0] + word[:, :, 1:].sum(2) / (rows[:, :, 1:] != 0).sum(2, keepdim=True).clamp(min=1)
        heard = network.reader._heard(word, torch.tensor([0, 1] * len(which)))
        return network.reader.gate(heard)[:, [2, 6], 0].unflatten(0, (len(which), 2))

    wanted = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).expand(4, 2, 2)
    for _ in range(60):
        adam.zero_grad()
        functional.binary_cross_entropy_with_logits(counts(pairs[:4]), wanted).backward()
        adam.step()
    with torch.no_grad():
        right = (counts(pairs[4:]) > 0).float()
    assert torch.equal(right, wanted[:2])  # also for pairs never met


@pytest.mark.parametrize("wrong", [{"width": 12}, {"deep": 0}, {"blocks": 0}])
def test_a_network_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NetworkSpec(**wrong)


def test_a_camera_without_a_number_is_refused():
    with pytest.raises(ValueError, match="camera 'roof'"):
        place_token("roof", "take")
