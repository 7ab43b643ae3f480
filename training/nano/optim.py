"""Muon for the matrices inside the blocks, AdamW for the rest, and the moving average of the weights."""

import inspect
import time

import torch


def orthogonalise(x: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Newton-Schulz iteration on a stack of matrices (count, rows, columns): singular values go towards 1."""
    a, b, c = 3.4445, -4.7750, 2.0315
    kind = torch.bfloat16 if x.is_cuda else torch.float32
    y = x.to(kind)
    tall = y.shape[-2] > y.shape[-1]
    if tall:
        y = y.transpose(-1, -2)
    y = y / (y.float().norm(dim=(-2, -1), keepdim=True).to(kind) + 1e-7)
    for _ in range(steps):
        gram = torch.bmm(y, y.transpose(-1, -2))
        y = torch.baddbmm(y, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), y, beta=a)
    return y.transpose(-1, -2) if tall else y


class Muon:
    """Momentum, orthogonalised; matrices of one shape go through the iteration together. A convolution's filters are the rows of one."""

    def __init__(self, parameters: list[torch.Tensor], lr: float, momentum: float):
        self.base, self.momentum = lr, momentum
        self.lr = torch.tensor(float(lr), device=parameters[0].device)  # a tensor, so that a captured step follows its changes
        shapes: dict = {}
        for parameter in parameters:
            shapes.setdefault((parameter.shape[0], parameter[0].numel()), []).append(parameter)
        self.groups = list(shapes.values())
        self.buffers = [[torch.zeros_like(p) for p in group] for group in self.groups]

    @torch.no_grad()
    def step(self) -> None:
        for group, buffers in zip(self.groups, self.buffers):
            gradients = [p.grad for p in group]
            torch._foreach_mul_(buffers, self.momentum)
            torch._foreach_add_(buffers, gradients)
            updates = torch._foreach_add(gradients, buffers, alpha=self.momentum)
            stacked = orthogonalise(torch.stack([u.flatten(1) for u in updates])).to(group[0].dtype)
            rows, columns = stacked.shape[1:]
            stacked = stacked * (self.lr * -max(1.0, rows / columns) ** 0.5)
            torch._foreach_add_(group, [change.view_as(p) for change, p in zip(stacked.unbind(0), group)])


def is_matrix(name: str, parameter: torch.Tensor) -> bool:
    """What Muon trains: matrices of transformer blocks and filters, but not the first and last layers."""
    if "encoder.mid_block" in name or "decoder.mid_block" in name or "_blocks." in name:
        return parameter.dim() >= 2
    inside = any(part in name for part in ("layers.", "noise_refiner.", "context_refiner."))
    return parameter.dim() == 2 and inside and "adaLN" not in name


class Optimizer:
    """Both optimisers over several modules, or over the parameters named in `only`; `lr(scale)` sets the schedule's factor, `step()` updates
    and clears."""

    def __init__(self, modules: dict[str, torch.nn.Module], muon_lr: float, adam_lr: float, embed_lr: float | None = None,
                 momentum: float = 0.95, betas: tuple = (0.9, 0.98), only: set[str] | None = None):
        matrices, embeddings, others = [], [], []
        for module in modules.values():
            for name, parameter in module.named_parameters():
                if not parameter.requires_grad or only is not None and name not in only:
                    continue
                if is_matrix(name, parameter):
                    matrices.append(parameter)
                else:
                    (embeddings if "embed_tokens" in name else others).append(parameter)
        self.all, self.others = [*matrices, *embeddings, *others], others
        self.muon = Muon(matrices, muon_lr, momentum) if matrices else None
        on_gpu = others[0].is_cuda and "fused" in inspect.signature(torch.optim.AdamW).parameters
        rate = (lambda value: torch.tensor(float(value), device=others[0].device)) if on_gpu else float
        groups = [{"params": others, "lr": rate(adam_lr), "base": adam_lr}]
        if embeddings:
            groups.append({"params": embeddings, "lr": rate(embed_lr or adam_lr), "base": embed_lr or adam_lr})
        extra = {"fused": True, "capturable": True} if on_gpu else {}
        self.adam = torch.optim.AdamW(groups, lr=rate(adam_lr), betas=betas, weight_decay=0.0, **extra)

    def lr(self, scale: float) -> None:
        """Sets the schedule's factor; outside a captured step."""
        if self.muon:
            self.muon.lr.fill_(self.muon.base * scale)
        for group in self.adam.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(group["base"] * scale)
            else:
                group["lr"] = group["base"] * scale

    def clear(self) -> None:
        for parameter in self.all:
            parameter.grad = None

    @torch.no_grad()
    def forget(self) -> None:
        """Empties the optimisers' memory, in place."""
        for buffer in (b for group in (self.muon.buffers if self.muon else []) for b in group):
            buffer.zero_()
        for state in self.adam.state.values():
            for name in ("exp_avg", "exp_avg_sq"):
                state[name].zero_()

    def step(self, clip: float | None = None) -> None:
        """Updates and clears; gradients that are no numbers count as 0, and `clip` limits the norm of those that AdamW sees."""
        for parameter in self.all:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            else:
                parameter.grad.nan_to_num_(0.0, 0.0, 0.0)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(self.others, clip)
        if self.muon:
            self.muon.step()
        self.adam.step()
        self.clear()


class Average:
    """Exponential moving average of a module's parameters, in float32."""

    def __init__(self, module: torch.nn.Module, decay: float):
        self.module, self.decay, self.count = module, decay, 0
        self.names = [name for name, _ in module.named_parameters()]
        self.live = [p for _, p in module.named_parameters()]
        self.shadow = [p.detach().clone().float() for p in self.live]

    @torch.no_grad()
    def update(self) -> None:
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        torch._foreach_mul_(self.shadow, decay)
        torch._foreach_add_(self.shadow, [p.detach() for p in self.live], alpha=1 - decay)

    def state(self) -> dict[str, torch.Tensor]:
        return {name: tensor.clone() for name, tensor in zip(self.names, self.shadow)}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        self.shadow = [state[name].clone() for name in self.names]

    @torch.no_grad()
    def push(self) -> None:
        """Gives the module the averaged weights, in place."""
        for live, shadow in zip(self.live, self.shadow):
            live.copy_(shadow)

    def swapped(self):
        """A context in which the module holds the averaged weights."""
        return _Swap(self)


class _Swap:
    def __init__(self, average: Average):
        self.average = average

    def _swap(self) -> None:
        for live, shadow in zip(self.average.live, self.average.shadow):
            kept = live.data.clone()
            live.data.copy_(shadow)
            shadow.copy_(kept)

    def __enter__(self):
        self._swap()

    def __exit__(self, *_):
        self._swap()


def trapezoid(step: int, progress: float, warmup: int, decay_from: float) -> float:
    """Linear rise over the first steps, plateau, then linear fall to 0 from the share `decay_from` of the stage on."""
    rise = min(1.0, (step + 1) / max(1, warmup))
    return rise * (1.0 if progress < decay_from else max(0.0, (1 - progress) / max(1e-6, 1 - decay_from)))


class Clock:
    """How far a stage is, 0 to 1: by its steps or by its seconds, whichever is further. Counts the steps itself."""

    def __init__(self, steps: int, seconds: float):
        self.steps, self.seconds, self.step, self.start = steps, seconds, 0, time.monotonic()

    def progress(self) -> float:
        """Of the step to come; 1 when the stage is over."""
        return min(1.0, max(self.step / self.steps, (time.monotonic() - self.start) / self.seconds))
