"""A model as PyTorch and Hugging Face transformers run it, in float64, with and without their casts to float32.

The modelling code stays theirs. It casts to float32 in RMSNorm, softmax and RoPE whatever the model's dtype is; here the *name* float32
means float64 while it runs, and a dispatch mode proves that no operation was left that returns fewer bits.
"""
import contextlib
import os
import pathlib

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def load(path, dtype=torch.float64):
    """A causal language model from a Hugging Face folder or a .gguf file: its stored weights as float64 or float32, nothing replaced yet."""
    path = pathlib.Path(path)
    folder, gguf = (path.parent, {"gguf_file": path.name}) if path.suffix == ".gguf" else (path, {})
    model = transformers.AutoModelForCausalLM.from_pretrained(  # float32 holds every bf16, fp16, fp32 and dequantised weight exactly
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True, **gguf)
    return (model.double() if dtype == torch.float64 else model).eval()  # model.float() is refused after a .gguf file


@contextlib.contextmanager
def float32_means_float64():
    """Every cast to float32 inside becomes a cast to float64."""
    saved = torch.float32, torch.float, torch.Tensor.float, torch.get_default_dtype()
    torch.float32 = torch.float = torch.float64  # RMSNorm's, softmax's and RoPE's .to(torch.float32), dtype=torch.float
    torch.Tensor.float = torch.Tensor.double     # Gemma's x.float(), RoPE's position_ids.float()
    torch.set_default_dtype(torch.float64)       # Gemma's torch.tensor(sqrt(width))
    try:
        yield
    finally:
        torch.float32, torch.float, torch.Tensor.float = saved[:3]
        torch.set_default_dtype(saved[3])


def replace_casts(model):
    """Computes again in float64 the constants that were made in float32 when the model was built: RoPE's inv_freq, Gemma's sqrt(width)."""
    decoder = model.base_model
    with float32_means_float64():
        if hasattr(decoder, "rotary_emb"):
            decoder.rotary_emb = type(decoder.rotary_emb)(model.config)
        for module in decoder.modules():
            if hasattr(module, "scalar_embed_scale"):
                module.embed_scale = torch.tensor(module.scalar_embed_scale)


class NarrowTensors(TorchDispatchMode):
    """Collects the operations that return floating-point tensors narrower than float64."""

    def __init__(self):
        super().__init__()
        self.operations = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and tensor.dtype is not torch.float64:
                self.operations.add(f"{function} -> {tensor.dtype}")
        return result


def layers_of(model):
    decoder = model.base_model
    return next(getattr(decoder, name) for name in ("h", "blocks", "layers") if hasattr(decoder, name))


def input_gradient(model, tokens, choose):
    """d choose(logits of the last token) / d (what each token enters the first layer with) as [tokens, width], the value, and the operations that returned fewer bits
    than float64. By a hook, since what is called inputs_embeds is scaled within some models and not in others."""
    entered = []

    def keep(_, args, kwargs):
        entered.append(args[0] if args else kwargs["hidden_states"])
        entered[0].retain_grad()

    handle = layers_of(model)[0].register_forward_pre_hook(keep, with_kwargs=True)
    try:
        with NarrowTensors() as narrow:
            value = choose(model(torch.tensor([tokens]), use_cache=False).logits[0, -1])
            value.backward()
    finally:
        handle.remove()
    return entered[0].grad[0].double().numpy().copy(), float(value.detach()), sorted(narrow.operations)


def exact_input_gradient(model, tokens, choose):
    """input_gradient() with the casts replaced; refuses a run in which one was left."""
    replace_casts(model)
    with float32_means_float64():
        gradient, value, narrow = input_gradient(model, tokens, choose)
    if narrow:
        raise ArithmeticError(f"casts not replaced in {type(model).__name__}: {', '.join(narrow)}")
    return gradient, value


def states(model, tokens):
    """{"hidden.0": embeddings, ..., "hidden.L": output of layer L before the final norm, "final"} as [tokens, width], "logits" as
    [tokens, vocabulary]; and the operations that returned fewer bits than float64.

    Hooks, since the last entry of output_hidden_states has gone through the final norm already.
    """
    decoder = model.base_model
    layers = layers_of(model)
    final_norm = next(getattr(decoder, name) for name in ("ln_f", "norm_f", "norm") if hasattr(decoder, name))
    seen = {}

    def keep(name, tensor):
        seen[name] = (tensor[0] if isinstance(tensor, tuple) else tensor)[0].detach().double().numpy().copy()

    handles = [layers[0].register_forward_pre_hook(
        lambda _, args, kwargs: keep("hidden.0", args[0] if args else kwargs["hidden_states"]), with_kwargs=True)]
    handles += [layer.register_forward_hook(lambda _, args, out, name=f"hidden.{i + 1}": keep(name, out)) for i, layer in enumerate(layers)]
    handles += [final_norm.register_forward_hook(lambda _, args, out: keep("final", out))]
    try:
        with torch.no_grad(), NarrowTensors() as narrow:
            keep("logits", model(torch.tensor([tokens]), use_cache=False).logits)
    finally:
        for handle in handles:
            handle.remove()
    return seen, sorted(narrow.operations)


def exact_states(model, tokens):
    """states() with the casts replaced; refuses a run in which one was left."""
    replace_casts(model)
    with float32_means_float64():
        seen, narrow = states(model, tokens)
    if narrow:
        raise ArithmeticError(f"casts not replaced in {type(model).__name__}: {', '.join(narrow)}")
    return seen


def relative_distance(a, b):
    """Largest |a - b| of each row over the row's largest |a|; of all rows the largest."""
    return float((np.abs(a - b).max(axis=1) / np.abs(a).max(axis=1)).max())
