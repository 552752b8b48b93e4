"""A bidirectional LSTM tags words; sentences of different lengths travel as a packed sequence."""

import torch
from _running import options, report
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

SENTENCES = [
    ("the dog ate the apple", "D N V D N"),
    ("everybody read that book", "N V D N"),
    ("she sees", "N V"),
    ("the old man the boat quickly", "D N V D N A"),
    ("a bird sings loudly", "D N V A"),
    ("time flies", "N V"),
]
TAGS = ["D", "N", "V", "A"]


class Tagger(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embed = nn.Embedding(words, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, 10, num_layers=2, bidirectional=True, batch_first=True)
        self.tag = nn.Linear(20, len(TAGS))

    def forward(self, padded, lengths):  # (N, T) -> (N, T, tags)
        packed = pack_padded_sequence(self.embed(padded), lengths, batch_first=True, enforce_sorted=False)
        states, _ = self.lstm(packed)
        return self.tag(pad_packed_sequence(states, batch_first=True)[0])


args = options(__doc__)
words = ["<padding>", *sorted({word for sentence, _ in SENTENCES for word in sentence.split()})]
sentences = [torch.tensor([words.index(word) for word in sentence.split()]) for sentence, _ in SENTENCES]
answers = [torch.tensor([TAGS.index(tag) for tag in tags.split()]) for _, tags in SENTENCES]
padded = pad_sequence(sentences, batch_first=True)
target = pad_sequence(answers, batch_first=True, padding_value=-100)
lengths = torch.tensor([len(sentence) for sentence in sentences])
model = Tagger(len(words))
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.003)
print(model)

for step in range(args.steps):
    scores = model(padded, lengths)
    loss = nn.functional.cross_entropy(scores.transpose(1, 2), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    report(step, loss=loss)

with torch.no_grad():
    best = model(padded, lengths).argmax(-1)
for (sentence, tags), row, length in zip(SENTENCES, best, lengths.tolist()):
    print(sentence, "|", " ".join(TAGS[code] for code in row[:length].tolist()), "| should be", tags)
