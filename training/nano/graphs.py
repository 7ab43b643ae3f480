"""Whole training steps as CUDA graphs. These networks are so small that starting their kernels one by one took most of a step:
about 33 ms of it, whatever the batch."""

import contextlib

import torch


class Graphs:
    """Captures a step once per key and replays it afterwards. The first calls of a key run as they are: they compile kernels, choose
    algorithms and fill caches (three for the first key, one for those after it). Everything runs on one stream of its own, so that gradients are gathered where they are captured.

    A step is a function of a dictionary of tensors, which are copied into fixed places before a replay, and returns a dictionary of
    tensors, which a later replay of the same key overwrites. Inside it: no transfer from or to the processor, no random numbers,
    and no gradient that is left over at the end. Where capturing fails, steps go on running as they are."""

    def __init__(self, on: bool, device: torch.device, warmup: int = 3):
        self.on = on and torch.device(device).type == "cuda"
        self.warmup, self.entries, self.failed = warmup, {}, None
        self.stream = torch.cuda.Stream() if self.on else None
        self.pool = torch.cuda.graph_pool_handle() if self.on else None

    @contextlib.contextmanager
    def stage(self):
        """All work of a stage that uses this object belongs in here."""
        if self.stream is None:
            yield
            return
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            yield
        torch.cuda.current_stream().wait_stream(self.stream)
        torch.cuda.synchronize()

    def __call__(self, key, step, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if not self.on:
            return step(inputs)
        entry = self.entries.setdefault(key, {"calls": 0})
        entry["calls"] += 1
        if "graph" not in entry:
            first = not any("graph" in other for other in self.entries.values())
            if entry["calls"] <= (self.warmup if first else 1) or not self.capture(entry, key, step, inputs):
                return step(inputs)
        for name, tensor in inputs.items():
            entry["inputs"][name].copy_(tensor)
        entry["graph"].replay()
        return entry["outputs"]

    def capture(self, entry: dict, key, step, inputs: dict[str, torch.Tensor]) -> bool:
        """Records the step without running it."""
        fixed = {name: tensor.detach().clone() for name, tensor in inputs.items()}
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"):
                outputs = step(fixed)
        except Exception as error:  # noqa: BLE001 (slower steps are better than none)
            self.on, self.failed = False, f"{key}: {type(error).__name__}: {error}"
            print(f"[graphs] not captured, steps run one kernel at a time: {self.failed}", flush=True)
            torch.cuda.synchronize()
            return False
        entry.update(graph=graph, inputs=fixed, outputs=outputs)
        return True

    def clear(self) -> None:
        """Lets go of all graphs and their memory."""
        self.entries.clear()
        if self.pool is not None:
            self.pool = torch.cuda.graph_pool_handle()  # one that no graph uses any more cannot be taken up again
            torch.cuda.empty_cache()
