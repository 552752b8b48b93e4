"""Pyro: a coin's fairness by variational inference, and by the No-U-Turn sampler."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS, SVI, Trace_ELBO
from pyro.optim import Adam

pyro.set_rng_seed(0)
throws = torch.tensor([1.0] * 6 + [0.0] * 4)


def model(throws):
    fairness = pyro.sample("fairness", dist.Beta(10.0, 10.0))
    with pyro.plate("throws", len(throws)):
        pyro.sample("throw", dist.Bernoulli(fairness), obs=throws)


def guide(throws):
    positive = dist.constraints.positive
    alpha = pyro.param("alpha", torch.tensor(15.0), constraint=positive)
    beta = pyro.param("beta", torch.tensor(15.0), constraint=positive)
    pyro.sample("fairness", dist.Beta(alpha, beta))


inference = SVI(model, guide, Adam({"lr": 0.01}), Trace_ELBO())
for _ in range(30):
    loss = inference.step(throws)
print(f"loss {loss:.3f}, alpha {pyro.param('alpha').item():.3f}, beta {pyro.param('beta').item():.3f}")
chain = MCMC(NUTS(model), num_samples=20, warmup_steps=10, disable_progbar=True)
chain.run(throws)
print(f"mean of the samples {chain.get_samples()['fairness'].mean().item():.3f}")
