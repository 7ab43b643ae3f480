"""safetensors and JSON files, and the log, without any library beyond PyTorch."""

import inspect
import json
import os
import pathlib
import struct
import time

import torch

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "U8": torch.uint8, "I64": torch.int64, "I32": torch.int32}
NAMES = {value: key for key, value in TYPES.items()}


def read(path: pathlib.Path) -> dict[str, torch.Tensor]:
    data = bytearray(pathlib.Path(path).read_bytes())
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(bytes(data[8 : 8 + size])).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        kind = TYPES[entry["dtype"]]
        flat = torch.frombuffer(data[begin:end], dtype=kind) if end > begin else torch.empty(0, dtype=kind)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def write(path: pathlib.Path, tensors: dict[str, torch.Tensor]) -> None:
    """Tensors in the order of their names, the header padded to 8 bytes, written aside and renamed."""
    header, parts, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        raw = tensor.flatten().view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        parts.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    with open(aside, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for raw in parts:
            file.write(raw)
    os.replace(aside, path)


def write_json(path: pathlib.Path, content) -> None:
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def read_json(path: pathlib.Path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def save_state(path: pathlib.Path, state) -> None:
    """A training checkpoint, written aside and renamed so that a stopped run leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    torch.save(state, aside)
    os.replace(aside, path)


def load_state(path: pathlib.Path, device="cpu"):
    extra = {"weights_only": False} if "weights_only" in inspect.signature(torch.load).parameters else {}
    return torch.load(path, map_location=device, **extra)


class Log:
    """A JSONL file of one stage; prints a line at most every `every` seconds."""

    def __init__(self, path: pathlib.Path, stage: str, every: float = 5.0):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(path, "a", encoding="utf-8")
        self.stage, self.every = stage, every
        self.start = self.last = time.monotonic()
        self.images = self.images_last = 0

    def due(self) -> bool:
        return time.monotonic() - self.last >= self.every

    def add(self, images: int) -> None:
        self.images += images

    def line(self, **values) -> None:
        """Writes and prints one record; the rate is that since the last record."""
        now = time.monotonic()
        rate = (self.images - self.images_last) / max(now - self.last, 1e-9)
        record = {"stage": self.stage, "seconds": round(now - self.start, 2), "images_per_second": round(rate, 1)}
        record.update({k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()})
        self.last, self.images_last = now, self.images
        self.file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self.file.flush()
        shown = " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in record.items() if k != "stage")
        print(f"[{self.stage}] {shown}", flush=True)
