"""L-BFGS. Source: Nocedal and Wright, "Numerical Optimization", chapters 3 and 7; M. Schmidt's minFunc for the line search."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ..autograd.grad_mode import no_grad
from ._steps import as_number, check_lr
from .optimizer import Optimizer, _with_gradients

__all__ = ["LBFGS"]


def _cubic_interpolate(x1: Any, f1: Any, g1: Any, x2: Any, f2: Any, g2: Any, bounds: Any = None) -> Any:
    """Where the cubic with these values and slopes at two points has its minimum, within the bounds."""
    low, high = bounds if bounds is not None else ((x1, x2) if x1 <= x2 else (x2, x1))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    discriminant = d1**2 - g1 * g2
    if discriminant < 0:
        return (low + high) / 2.0
    d2 = discriminant.sqrt() if isinstance(discriminant, torch.Tensor) else discriminant**0.5
    if x1 <= x2:
        place = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        place = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(place, low), high)


def _strong_wolfe(
    evaluate: Any,
    x: Any,
    t: Any,
    d: Any,
    f: Any,
    g: Any,
    gtd: Any,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[Any, Any, Any, int]:
    """A step along `d` that meets the strong Wolfe conditions: (value, gradient, step, evaluations).

    evaluate(x, t, d) gives value and gradient at x + t d; f, g and gtd are those at x.
    """
    d_norm = d.abs().max()
    g = g.clone(memory_format=torch.contiguous_format)
    f_new, g_new = evaluate(x, t, d)
    evaluations = 1
    gtd_new = g_new.dot(d)
    t_prev, f_prev, g_prev, gtd_prev = 0, f, g, gtd
    done = False
    ls_iter = 0
    # first phase: steps grow until a minimum lies between two of them
    while ls_iter < max_ls:
        if f_new > (f + c1 * t * gtd) or (ls_iter > 1 and f_new >= f_prev):
            bracket = [t_prev, t]
            bracket_f = [f_prev, f_new]
            bracket_g = [g_prev, g_new.clone(memory_format=torch.contiguous_format)]
            bracket_gtd = [gtd_prev, gtd_new]
            break
        if abs(gtd_new) <= -c2 * gtd:
            bracket, bracket_f, bracket_g = [t], [f_new], [g_new]
            done = True
            break
        if gtd_new >= 0:
            bracket = [t_prev, t]
            bracket_f = [f_prev, f_new]
            bracket_g = [g_prev, g_new.clone(memory_format=torch.contiguous_format)]
            bracket_gtd = [gtd_prev, gtd_new]
            break
        smallest = t + 0.01 * (t - t_prev)
        largest = t * 10
        before = t
        t = _cubic_interpolate(t_prev, f_prev, gtd_prev, t, f_new, gtd_new, bounds=(smallest, largest))
        t_prev = before
        f_prev = f_new
        g_prev = g_new.clone(memory_format=torch.contiguous_format)
        gtd_prev = gtd_new
        f_new, g_new = evaluate(x, t, d)
        evaluations += 1
        gtd_new = g_new.dot(d)
        ls_iter += 1
    if ls_iter == max_ls:
        bracket, bracket_f, bracket_g = [0, t], [f, f_new], [g, g_new]
    # second phase: the interval shrinks around the minimum
    stuck = False
    low, high = (0, 1) if bracket_f[0] <= bracket_f[-1] else (1, 0)
    while not done and ls_iter < max_ls:
        if abs(bracket[1] - bracket[0]) * d_norm < tolerance_change:
            break
        t = _cubic_interpolate(
            bracket[0], bracket_f[0], bracket_gtd[0], bracket[1], bracket_f[1], bracket_gtd[1]
        )
        # near an end of the interval twice, or outside: move away from it
        margin = 0.1 * (max(bracket) - min(bracket))
        if min(max(bracket) - t, t - min(bracket)) < margin:
            if stuck or t >= max(bracket) or t <= min(bracket):
                if abs(t - max(bracket)) < abs(t - min(bracket)):
                    t = max(bracket) - margin
                else:
                    t = min(bracket) + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        f_new, g_new = evaluate(x, t, d)
        evaluations += 1
        gtd_new = g_new.dot(d)
        ls_iter += 1
        if f_new > (f + c1 * t * gtd) or f_new >= bracket_f[low]:
            bracket[high] = t
            bracket_f[high] = f_new
            bracket_g[high] = g_new.clone(memory_format=torch.contiguous_format)
            bracket_gtd[high] = gtd_new
            low, high = (0, 1) if bracket_f[0] <= bracket_f[1] else (1, 0)
        else:
            if abs(gtd_new) <= -c2 * gtd:
                done = True
            elif gtd_new * (bracket[high] - bracket[low]) >= 0:
                bracket[high] = bracket[low]
                bracket_f[high] = bracket_f[low]
                bracket_g[high] = bracket_g[low]
                bracket_gtd[high] = bracket_gtd[low]
            bracket[low] = t
            bracket_f[low] = f_new
            bracket_g[low] = g_new.clone(memory_format=torch.contiguous_format)
            bracket_gtd[low] = gtd_new
    return bracket_f[low], bracket_g[low], bracket[low], evaluations


class LBFGS(Optimizer):
    """Limited-memory quasi-Newton steps; one parameter group. Source: torch's documentation, torch.optim.LBFGS."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _gather_flat_grad(self) -> Any:
        views = []
        for p in self._params:
            grad = p.grad.to_dense() if p.grad is not None and p.grad.is_sparse else p.grad
            view = p.new_zeros(p.numel()) if grad is None else grad.view(-1)
            views.append(torch.view_as_real(view).view(-1) if view.is_complex() else view)
        return torch.cat(views, 0)

    def _add_grad(self, step_size: Any, direction: Any) -> None:
        start = 0
        for p in self._params:
            target = torch.view_as_real(p) if p.is_complex() else p
            count = target.numel()
            target.add_(direction[start : start + count].view_as(target), alpha=as_number(step_size))
            start += count

    def _clone_param(self) -> list[Any]:
        return [p.clone(memory_format=torch.contiguous_format) for p in self._params]

    def _set_param(self, params_data: list[Any]) -> None:
        for p, data in zip(self._params, params_data, strict=True):
            p.copy_(data)

    def _directional_evaluate(self, closure: Any, x: list[Any], t: Any, d: Any) -> tuple[float, Any]:
        self._add_grad(t, d)
        loss = float(closure())
        gradient = self._gather_flat_grad()
        self._set_param(x)
        return loss, gradient

    def _new_direction(
        self, history: dict[str, Any], factors: list[Any], flat_grad: Any, history_size: int
    ) -> Any:
        """The two-loop recursion; takes the last step into the history if it curves the right way."""
        difference = flat_grad.sub(history["prev_flat_grad"])  # of gradients
        moved = history["d"].mul(history["t"])
        curvature = difference.dot(moved)
        if curvature > 1e-10:
            if len(history["old_dirs"]) == history_size:
                for name in ("old_dirs", "old_stps", "ro"):
                    history[name].pop(0)
            history["old_dirs"].append(difference)
            history["old_stps"].append(moved)
            history["ro"].append(1.0 / curvature)
            history["H_diag"] = curvature / difference.dot(difference)
        differences, steps, inverses = history["old_dirs"], history["old_stps"], history["ro"]
        count = len(differences)
        q = flat_grad.neg()
        for i in range(count - 1, -1, -1):
            factors[i] = steps[i].dot(q) * inverses[i]
            q.add_(differences[i], alpha=-factors[i].item())
        d = torch.mul(q, history["H_diag"])
        for i in range(count):
            factor = differences[i].dot(d) * inverses[i]
            d.add_(steps[i], alpha=(factors[i] - factor).item())
        return d

    @no_grad()
    def step(self, closure: Any) -> Any:
        """Up to max_iter iterations; `closure` clears the gradients, computes the loss and its gradients, and returns the loss."""
        if len(self.param_groups) != 1:
            raise AssertionError(f"Expected exactly one param_group, but got {len(self.param_groups)}")

        def evaluate() -> Any:
            return _with_gradients(closure)

        def along(x: Any, t: Any, d: Any) -> Any:
            return self._directional_evaluate(evaluate, x, t, d)

        group = self.param_groups[0]
        lr = group["lr"]
        tolerance_change = group["tolerance_change"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = evaluate()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        flat_grad = self._gather_flat_grad()
        converged = flat_grad.abs().max() <= group["tolerance_grad"]
        if converged:
            return first_loss
        kept = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")
        history = {name: state.get(name) for name in kept}
        iteration = 0
        while iteration < group["max_iter"]:
            iteration += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d = flat_grad.neg()
                history.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            else:
                if "al" not in state:
                    state["al"] = [None] * group["history_size"]
                d = self._new_direction(history, state["al"], flat_grad, group["history_size"])
            if history["prev_flat_grad"] is None:
                history["prev_flat_grad"] = flat_grad.clone(memory_format=torch.contiguous_format)
            else:
                history["prev_flat_grad"].copy_(flat_grad)
            previous_loss = loss
            t: Any = min(1.0, 1.0 / flat_grad.abs().sum()) * lr if state["n_iter"] == 1 else lr
            slope = flat_grad.dot(d)
            history.update(d=d, t=t, prev_loss=previous_loss)
            if slope > -tolerance_change:
                break
            used = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                start = self._clone_param()
                left = group["max_eval"] - evaluations
                loss, flat_grad, t, used = _strong_wolfe(
                    along, start, t, d, loss, flat_grad, slope, max_ls=left
                )
                self._add_grad(t, d)
                converged = flat_grad.abs().max() <= group["tolerance_grad"]
            else:
                self._add_grad(t, d)
                if iteration != group["max_iter"]:
                    loss = float(evaluate())
                    flat_grad = self._gather_flat_grad()
                    converged = flat_grad.abs().max() <= group["tolerance_grad"]
                    used = 1
            history["t"] = t
            evaluations += used
            state["func_evals"] += used
            if iteration == group["max_iter"] or evaluations >= group["max_eval"] or converged:
                break
            if d.mul(t).abs().max() <= tolerance_change:
                break
            if abs(loss - previous_loss) < tolerance_change:
                break
        state.update(history)
        return first_loss
