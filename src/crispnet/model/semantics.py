"""The global semantics branch: the thumbnail of the whole photograph becomes one vector (paper, section 3.3).

    I_D (b, 3, 368, 480) ── stem ── (b, 23 · 30, 192) ── + positions ── 4 x [XCA, LPI, MLP] ── CLS joins
        ── 2 x class attention ── layer norm ── CLS (b, 192) ── linear ── F (b, 512)

The transformer is XCiT-tiny at depth 4, as published (El-Nouby et al., "XCiT: Cross-Covariance Image Transformers",
2021; its class attention is that of CaiT, Touvron et al. 2021), with patches of 16 pixels. ``ClassificationCNN`` is the
simpler alternative of Table 5. Both read companded values and begin with F = 1: the weights of the last layer are 0, so
what stands before it learns from the second step on.

Notation: b photographs, n tokens of d channels on a grid of rows x columns, heads of d / heads channels.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6  # of every layer norm and of the positions, as published
POSITIONS = 32  # sines and cosines of each coordinate
TEMPERATURE = 10_000.0  # of their wavelengths


class Semantics(nn.Module):
    """What sees the thumbnail, followed by the linear layer that makes F; F = 1 at first."""

    def __init__(self, eye: nn.Module, *, dim: int, features: int):
        super().__init__()
        self.eye = eye
        self.head = nn.Linear(dim, features)
        nn.init.zeros_(self.head.weight)
        nn.init.ones_(self.head.bias)

    def forward(self, thumbnail: Tensor) -> Tensor:
        """Make (b, features) from a companded (b, 3, rows, columns) thumbnail."""
        return self.head(self.eye(thumbnail))


class XCiT(nn.Module):
    """Look at a thumbnail through cross-covariance attention; its class token is what it saw."""

    def __init__(self, *, dim: int = 192, depth: int = 4, heads: int = 4, class_depth: int = 2):
        super().__init__()
        self.stem = stem(dim)
        self.positions = Positions(dim)
        self.blocks = nn.ModuleList(XCABlock(dim, heads) for _ in range(depth))
        self.class_token = nn.Parameter(torch.empty(1, 1, dim))
        self.class_blocks = nn.ModuleList(ClassAttentionBlock(dim, heads) for _ in range(class_depth))
        self.norm = nn.LayerNorm(dim, eps=EPSILON)
        nn.init.trunc_normal_(self.class_token, std=0.02)
        self.apply(_initialise)

    def forward(self, thumbnail: Tensor) -> Tensor:
        """See (b, d) in (b, 3, rows, columns) companded values."""
        patches = self.stem(thumbnail)
        rows, columns = patches.shape[-2:]
        tokens = (patches + self.positions(rows, columns)).flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens, rows, columns)
        tokens = torch.cat((self.class_token.expand(len(tokens), -1, -1), tokens), dim=1)
        for block in self.class_blocks:
            tokens = block(tokens)
        return self.norm(tokens[:, 0])


def stem(dim: int) -> nn.Sequential:
    """Make the convolutions that turn 16 x 16 pixels into one token: four times half the size, twice the channels."""
    widths = (3, dim // 8, dim // 4, dim // 2, dim)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.GELU()]
    return nn.Sequential(*layers[:-1])


class Positions(nn.Module):
    """Encode where on the grid each token stands, whatever the size of the grid."""

    def __init__(self, dim: int):
        super().__init__()
        self.project = nn.Conv2d(2 * POSITIONS, dim, 1)

    def forward(self, rows: int, columns: int) -> Tensor:
        """Encode a grid: (1, d, rows, columns)."""
        weight = self.project.weight
        across = self._waves(columns, weight)[:, None, :].expand(-1, rows, -1)
        down = self._waves(rows, weight)[:, :, None].expand(-1, -1, columns)
        return self.project(torch.cat((down, across))[None])

    @staticmethod
    def _waves(count: int, like: Tensor) -> Tensor:
        """Sines and cosines of 1 .. count, of which the last is one turn: (32, count)."""
        places = torch.arange(1, count + 1, dtype=like.dtype, device=like.device)
        angles = places * (2 * math.pi / (count + EPSILON))
        pairs = torch.arange(POSITIONS // 2, dtype=like.dtype, device=like.device)[:, None]
        phases = angles / TEMPERATURE ** (2 * pairs / POSITIONS)
        return torch.stack((phases.sin(), phases.cos()), dim=1).flatten(0, 1)


class XCABlock(nn.Module):
    """One layer of XCiT: attention between channels, then between neighbouring tokens, then an MLP, each scaled."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.attend_norm, self.local_norm, self.mlp_norm = (nn.LayerNorm(dim, eps=EPSILON) for _ in range(3))
        self.attend = CrossCovarianceAttention(dim, heads)
        self.local = local_interaction(dim)
        self.mlp = mlp(dim)
        self.attend_scale, self.local_scale, self.mlp_scale = (nn.Parameter(torch.ones(dim)) for _ in range(3))

    def forward(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """Transform (b, n, d) tokens that stand on a grid."""
        tokens = tokens + self.attend_scale * self.attend(self.attend_norm(tokens))
        grid = self.local_norm(tokens).transpose(1, 2).unflatten(2, (rows, columns))
        tokens = tokens + self.local_scale * self.local(grid).flatten(2).transpose(1, 2)
        return tokens + self.mlp_scale * self.mlp(self.mlp_norm(tokens))


class CrossCovarianceAttention(nn.Module):
    """Let the channels of a head attend to each other, by their covariance over all tokens (XCiT, section 3.2)."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix the channels of (b, n, d) tokens."""
        split = self.query_key_value(tokens).unflatten(2, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 4, 1).unbind()  # (b, heads, d / heads, n) each
        query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
        attention = (query @ key.transpose(-2, -1) * self.temperature).softmax(dim=-1)
        return self.project((attention @ value).flatten(1, 2).transpose(1, 2))


def local_interaction(dim: int) -> nn.Sequential:
    """Make the local patch interaction: two depthwise 3 x 3 convolutions (XCiT, section 3.3)."""
    return nn.Sequential(
        nn.Conv2d(dim, dim, 3, padding=1, groups=dim),
        nn.GELU(),
        nn.BatchNorm2d(dim),
        nn.Conv2d(dim, dim, 3, padding=1, groups=dim),
    )


def mlp(dim: int) -> nn.Sequential:
    """Make the feed-forward network of a block, four times as wide inside."""
    return nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))


class ClassAttentionBlock(nn.Module):
    """Let the class token, the first one, ask all tokens (CaiT; XCiT normalises all tokens of this block)."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.attend_norm, self.mlp_norm = (nn.LayerNorm(dim, eps=EPSILON) for _ in range(2))
        self.attend = ClassAttention(dim, heads)
        self.mlp = mlp(dim)
        self.attend_scale, self.mlp_scale = (nn.Parameter(torch.ones(dim)) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform (b, 1 + n, d) tokens; the others are only normalised and added to themselves, as published."""
        normed = self.attend_norm(tokens)
        tokens = tokens + self.attend_scale * torch.cat((self.attend(normed), normed[:, 1:]), dim=1)
        tokens = self.mlp_norm(tokens)
        first = self.mlp_scale * self.mlp(tokens[:, :1])
        return tokens + torch.cat((first, tokens[:, 1:]), dim=1)


class ClassAttention(nn.Module):
    """Attention with one query, the class token."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Answer the first of (b, 1 + n, d) tokens: (b, 1, d)."""
        split = self.query_key_value(tokens).unflatten(2, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind()  # (b, heads, 1 + n, d / heads) each
        scaled = query[:, :, :1] * query.shape[-1] ** -0.5
        attention = (scaled @ key.transpose(-2, -1)).softmax(dim=-1)
        return self.project((attention @ value).transpose(1, 2).flatten(2))


def classification_cnn() -> nn.Sequential:
    """Make the plain alternative: twice [strided convolution, batch norm, ReLU, max-pool] (paper, section 3.3).

    Strides of 4 and pools of 2 bring 368 x 480 down to 6 x 7 of 64 channels, so that the fully connected layer that
    follows has about a million weights rather than a hundred. It reads thumbnails of that size only.
    """
    return nn.Sequential(*_strided(3, 32), *_strided(32, 64), nn.Flatten())


CNN_FEATURES = 64 * 6 * 7


def _strided(planes: int, channels: int) -> tuple[nn.Module, ...]:
    convolve = nn.Conv2d(planes, channels, 5, stride=4, padding=2, bias=False)
    return convolve, nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2)


def _initialise(module: nn.Module) -> None:
    """Draw the weights of linear layers as XCiT does."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
