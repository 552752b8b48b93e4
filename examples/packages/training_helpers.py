"""Smaller packages around a training loop: skorch, ignite, accelerate, PEFT, torch_optimizer, torchmetrics and BoTorch."""

import warnings

import numpy as np
import torch

warnings.simplefilter("ignore")


def with_skorch():
    from skorch import NeuralNetClassifier

    features = np.random.RandomState(0).randn(64, 5).astype("float32")
    labels = (features.sum(1) > 0).astype("int64")
    layers = (torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2), torch.nn.Softmax(-1))
    net = NeuralNetClassifier(torch.nn.Sequential(*layers), max_epochs=5, lr=0.1, verbose=0)
    net.fit(features, labels)
    return [round(epoch["train_loss"], 4) for epoch in net.history], net.predict(features)[:5].tolist()


def with_ignite():
    from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
    from ignite.metrics import Accuracy, Loss

    model, criterion = torch.nn.Linear(4, 3), torch.nn.CrossEntropyLoss()
    data = [(torch.randn(8, 4), torch.randint(0, 3, (8,))) for _ in range(4)]
    trainer = create_supervised_trainer(model, torch.optim.SGD(model.parameters(), 0.1), criterion)
    evaluator = create_supervised_evaluator(model, metrics={"accuracy": Accuracy(), "loss": Loss(criterion)})
    found = []

    @trainer.on(Events.EPOCH_COMPLETED)
    def evaluate(_):
        evaluator.run(data)
        found.append({name: round(float(value), 4) for name, value in evaluator.state.metrics.items()})

    trainer.run(data, max_epochs=2)
    return found


def with_accelerate():
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = torch.nn.Linear(4, 2)
    data = torch.utils.data.TensorDataset(torch.randn(16, 4), torch.randint(0, 2, (16,)))
    loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, torch.optim.AdamW(model.parameters(), 0.01), loader)
    losses = []
    for features, labels in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(features), labels)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(round(loss.item(), 4))
    return losses


def with_peft():
    from peft import LoraConfig, get_peft_model
    from transformers import GPT2Config, GPT2LMHeadModel

    base = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=32, n_embd=16, n_layer=1, n_head=2))
    model = get_peft_model(base, LoraConfig(r=4, target_modules=["c_attn"], task_type="CAUSAL_LM"))
    words = torch.randint(0, 50, (2, 8))
    loss = model(input_ids=words, labels=words).loss
    loss.backward()
    return round(loss.item(), 4), [name for name, p in model.named_parameters() if p.grad is not None]


def with_torch_optimizer():
    import torch_optimizer

    found = {}
    for name in (
        "AdaBound",
        "DiffGrad",
        "Lamb",
        "NovoGrad",
        "QHAdam",
        "RAdam",
        "Ranger",
        "SGDW",
        "Shampoo",
        "Yogi",
    ):
        parameter = torch.nn.Parameter(torch.ones(3, 2))
        optimizer = getattr(torch_optimizer, name)([parameter], lr=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            (parameter.pow(2) * torch.arange(6.0).view(3, 2)).sum().backward()
            optimizer.step()
        found[name] = round(parameter.sum().item(), 4)
    return found


def with_torchmetrics():
    import torchmetrics

    chances, labels = torch.rand(20, 3).softmax(-1), torch.randint(0, 3, (20,))
    kinds = (
        torchmetrics.Accuracy,
        torchmetrics.AUROC,
        torchmetrics.CalibrationError,
        torchmetrics.CohenKappa,
    )
    return [round(float(kind("multiclass", num_classes=3)(chances, labels)), 4) for kind in kinds]


def with_botorch():
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    points = torch.rand(8, 2, dtype=torch.double)
    values = 1 - (points - 0.5).norm(dim=-1, keepdim=True)
    process = SingleTaskGP(points, values)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(process.likelihood, process))
    improvement = LogExpectedImprovement(process, best_f=values.max())
    places = torch.tensor([[[0.3, 0.4]], [[0.9, 0.1]]], dtype=torch.double)
    return [round(value, 2) for value in improvement(places).tolist()]


for run in (
    with_skorch,
    with_ignite,
    with_accelerate,
    with_peft,
    with_torch_optimizer,
    with_torchmetrics,
    with_botorch,
):
    torch.manual_seed(0)
    print(run.__name__, run())
