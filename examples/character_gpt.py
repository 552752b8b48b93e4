"""A small GPT learns a nursery rhyme letter by letter, and recites."""

import torch
from _running import options, report
from torch import nn

TEXT = """
one two buckle my shoe
three four knock at the door
five six pick up sticks
seven eight lay them straight
nine ten a big fat hen
"""
CONTEXT, WIDTH, HEADS, LAYERS = 24, 32, 4, 2


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before_attention, self.before_feedforward = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.project, self.merge = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feedforward = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def attend(self, x):
        batch, length, _ = x.shape
        split = self.project(x).view(batch, length, 3, HEADS, WIDTH // HEADS)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (N, heads, T, width of a head)
        heads = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.merge(heads.transpose(1, 2).reshape(batch, length, WIDTH))

    def forward(self, x):  # (N, T, width)
        x = x + self.attend(self.before_attention(x))
        return x + self.feedforward(self.before_feedforward(x))


class GPT(nn.Module):
    def __init__(self, letters):
        super().__init__()
        self.letters, self.places = nn.Embedding(letters, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.last = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, letters, bias=False)
        self.head.weight = self.letters.weight  # the same table reads and writes

    def forward(self, codes):  # (N, T) -> (N, T, letters)
        x = self.letters(codes) + self.places(torch.arange(codes.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.last(x))

    @torch.no_grad()
    def recite(self, codes, count, draw):
        """`count` more letters after `codes` (1, T): the likeliest, or drawn."""
        for _ in range(count):
            odds = self(codes[:, -CONTEXT:])[:, -1].softmax(-1)
            following = torch.multinomial(odds, 1) if draw else odds.argmax(-1, keepdim=True)
            codes = torch.cat([codes, following], 1)
        return codes


args = options(__doc__)
alphabet = sorted(set(TEXT))
codes = torch.tensor([alphabet.index(letter) for letter in TEXT])
model = GPT(len(alphabet))
for parameter in model.parameters():
    if parameter.dim() > 1:
        nn.init.normal_(parameter, std=0.1)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, eps=1e-6)
print(sum(parameter.numel() for parameter in model.parameters()), "parameters")

for step in range(args.steps):
    starts = torch.randint(0, len(codes) - CONTEXT - 1, (16,))
    batch = torch.stack([codes[start : start + CONTEXT + 1] for start in starts.tolist()])
    logits = model(batch[:, :-1])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    report(step, loss=loss, norm=norm)

start = codes[None, :5]
for draw in (False, True):
    print(repr("".join(alphabet[code] for code in model.recite(start, 60, draw)[0].tolist())))
