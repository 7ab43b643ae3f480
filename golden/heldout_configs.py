"""The random configurations of golden/heldout.py: plain Python, so that they can be made and read without PyTorch.

Every property has a list of values. They are dealt like shuffled cards: with at least as many checkpoints as a list has values, each
value occurs, and which values meet follows from the seed.
"""

import random

FOX = "a red fox sitting in the snow"
SHORT = "owl"
CHINESE = "一只红色的狐狸坐在雪地里，阳光明媚，水墨画风格"
EMOJI = "🎨 a 🐱 with 👩🏽‍🚀 helmet ✨, café naïve Ж お 한국"
SPECIAL = "line one\n\n  line   two\t<|im_end|>\n<think>it's 3,14159 €</think>  "
LONG = ("a very long description of a quiet mountain village at sunrise with wooden houses, smoke rising from the chimneys, a river with "
        "a stone bridge, two children walking with a dog, and golden light on the snow of the peaks behind. ")

# (heads, axes): head sizes 128, 64, 32, 40, 16, 96, 136, 8 and 48; int(dim / 3 * 8) is odd for 128, 80 and 272; the modulation is narrower than 272.
SHAPES = [(1, [32, 48, 48]), (2, [16, 24, 24]), (1, [16, 24, 24]), (3, [8, 12, 12]), (2, [8, 16, 16]), (4, [4, 6, 6]),
          (1, [32, 32, 32]), (2, [40, 48, 48]), (5, [4, 2, 2]), (1, [16, 8, 40]), (2, [8, 12, 12]), (1, [24, 12, 12])]

# (hidden, query heads, key and value heads, head size, feed-forward width); the hidden size is also cap_feat_dim.
ENCODERS = [(75, 4, 2, 16, 101), (52, 6, 3, 24, 96), (64, 8, 1, 8, 170), (90, 3, 3, 20, 64), (40, 5, 1, 40, 99), (66, 2, 2, 64, 128),
            (31, 4, 4, 12, 77), (72, 4, 2, 128, 112)]

# (channels per level, groups): one to eight channels per group, odd widths, factors 2, 4 and 8, 1x1 shortcuts where neighbours differ.
AUTOENCODERS = [([16, 32], 8), ([8, 16, 24, 24], 8), ([12, 24, 24], 12), ([10, 20, 20], 5), ([32, 32, 32, 32], 32), ([12, 12, 24], 6),
                ([8, 8, 16, 32], 8), ([15, 10, 20], 5)]

SCHEDULERS = [
    dict(shift=3.0), dict(shift=6.0), dict(shift=1.0), dict(shift=2.22),
    dict(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15),
    dict(shift=3.0, use_dynamic_shifting=True, base_shift=0.6, max_shift=2.0, base_image_seq_len=16, max_image_seq_len=1024),
    dict(shift=1.0, use_dynamic_shifting=True, time_shift_type="linear", base_shift=1.5, max_shift=3.0),
    dict(shift=3.0, use_karras_sigmas=True), dict(shift=4.0, use_exponential_sigmas=True), dict(shift=3.0, shift_terminal=0.1),
    dict(shift=3.0, num_train_timesteps=500),
]

# Tokens of the picture, (rows, columns); times the factor and the patch they are 80x208, 272x144 and so on at factor 8.
GRIDS = [(5, 13), (17, 9), (3, 3), (4, 25), (7, 2), (11, 6), (8, 16), (1, 8)]

PROMPTS = [[FOX], [CHINESE], [EMOJI], [""], [SPECIAL], [LONG], [SHORT, LONG, FOX], [LONG * 14], ["", CHINESE], [EMOJI, SHORT]]

GUIDANCES = [
    dict(), dict(guidance=3.5, negative_prompt="blurry, low quality"), dict(guidance=4.0, cfg_normalization=1.0),
    dict(guidance=2.0, negative_prompt="模糊，低质量", cfg_truncation=0.5), dict(),
    dict(guidance=5.0, negative_prompt=LONG, cfg_normalization=0.7, cfg_truncation=0.8), dict(guidance=1.0, negative_prompt=""),
]

IMAGES = [dict(strength=0.6, steps=5), dict(strength=0.3, steps=5), dict(strength=1.0, steps=3), dict(strength=0.85, steps=4)]

DECKS = {
    "shape": SHAPES, "encoder": ENCODERS, "autoencoder": AUTOENCODERS, "scheduler": SCHEDULERS, "grid": GRIDS, "image_grid": GRIDS,
    "prompts": PROMPTS, "guidance": GUIDANCES, "image_guidance": GUIDANCES, "image": IMAGES,
    "layers": [2, 3, 4, 2], "refiners": [1, 2, 3, 1, 0], "qk_norm": [True, True, False], "norm_eps": [1e-5, 1e-6],
    "rope_theta": [256.0, 100.0, 10000.0], "t_scale": [1000.0, 1000.0, 500.0], "n_kv_heads": ["heads", 30, 1],
    "latent_channels": [16, 16, 8, 4], "siglip": [None, None, None, 24], "patches": [[2], [2], [2], [2, 4]],
    "encoder_layers": [2, 3, 4], "encoder_theta": [1000000.0, 500000.0, 10000.0], "encoder_eps": [1e-6, 1e-5],
    "bias": [False, False, True], "export": ["bare", "causal", "causal tied"], "rope_at": ["rope_parameters", "top level"],
    "vae_layers": [1, 2, 1], "mid_attention": [True, True, False], "quant_conv": [False, True], "post_quant_conv": [False, True],
    "scaling": [(0.3611, 0.1159), (0.18215, 0.0), (1.5305, -0.0609)],
    "transformer_dtype": ["bfloat16", "bfloat16", "float16", "float32"], "encoder_dtype": ["float16", "bfloat16", "bfloat16", "float32"],
    "vae_dtype": ["float32", "bfloat16", "bfloat16", "float16"], "shards": [1, 3, 1, 2], "tokenizer": ["tokenizer.json", "vocab.json"],
    "float32_vectors": [False, True, False],
    "text_steps": [4, 2, 3, 5], "text_seed": [42, 0, 2**40 + 3, 7], "posterior": ["mean", "sample"],
    "sigmas": [None, None, None, [1.0, 0.8, 0.45, 0.2]], "images_per_prompt": [1, 1, 1, 2],
}


def make(seed: int, count: int) -> list:
    """The configurations of `count` checkpoints, each with its requests."""
    dealt = {name: deal(random.Random(f"{seed} {name}"), values, count) for name, values in DECKS.items()}
    return [checkpoint(index, seed, {name: cards[index] for name, cards in dealt.items()}) for index in range(count)]


def deal(cards: random.Random, values: list, count: int) -> list:
    """`count` values: the whole list, shuffled, as often as needed."""
    dealt = []
    while len(dealt) < count:
        dealt += cards.sample(values, len(values))
    return dealt[:count]


def checkpoint(index: int, seed: int, card: dict) -> dict:
    heads, axes = card["shape"]
    hidden, query_heads, key_heads, head, feed_forward = card["encoder"]
    channels, groups = card["autoencoder"]
    dim = heads * sum(axes)
    # Wide ones are shallow, so that the files stay small.
    layers, refiners = (card["layers"], card["refiners"]) if dim < 96 else (2, 1) if dim < 256 else (1, 0)
    scaling, shift = card["scaling"]
    return {
        "name": f"{index:02}",
        "weights_seed": 1000 * seed + index,
        "tokenizer": card["tokenizer"],
        "float32_vectors": card["float32_vectors"],
        "transformer": {
            "dtype": card["transformer_dtype"] if dim < 80 else card["transformer_dtype"].replace("float32", "bfloat16"),
            "shards": card["shards"],
            "config": dict(
                all_patch_size=card["patches"], all_f_patch_size=[1] * len(card["patches"]), in_channels=card["latent_channels"], dim=dim,
                n_layers=layers, n_refiner_layers=refiners, n_heads=heads,
                n_kv_heads=heads if card["n_kv_heads"] == "heads" else card["n_kv_heads"], norm_eps=card["norm_eps"], qk_norm=card["qk_norm"],
                cap_feat_dim=hidden, siglip_feat_dim=card["siglip"], rope_theta=card["rope_theta"], t_scale=card["t_scale"],
                axes_dims=axes, axes_lens=[1024, 64, 64]),
        },
        "text_encoder": {
            "dtype": card["encoder_dtype"], "shards": card["shards"], "export": card["export"], "rope_at": card["rope_at"],
            "rope_theta": card["encoder_theta"],
            "config": dict(
                hidden_size=hidden, num_hidden_layers=card["encoder_layers"], num_attention_heads=query_heads, num_key_value_heads=key_heads,
                head_dim=head, intermediate_size=feed_forward, rms_norm_eps=card["encoder_eps"], attention_bias=card["bias"],
                tie_word_embeddings=card["export"] != "causal"),
        },
        "vae": {
            "dtype": card["vae_dtype"], "shards": 1,
            "config": dict(
                latent_channels=card["latent_channels"], block_out_channels=channels, layers_per_block=card["vae_layers"],
                norm_num_groups=groups, scaling_factor=scaling, shift_factor=shift, use_quant_conv=card["quant_conv"],
                use_post_quant_conv=card["post_quant_conv"], mid_block_add_attention=card["mid_attention"],
                down_block_types=["DownEncoderBlock2D"] * len(channels), up_block_types=["UpDecoderBlock2D"] * len(channels)),
        },
        "scheduler": card["scheduler"],
        "requests": requests(card, 2 ** len(channels)),
    }


def requests(card: dict, multiple: int) -> dict:
    """One request for a picture from text, one for a picture from a picture; what is not named is pipeline.DEFAULTS'."""
    sigmas = card["sigmas"]
    text = dict(
        prompts=card["prompts"], height=card["grid"][0] * multiple, width=card["grid"][1] * multiple,
        steps=len(sigmas) if sigmas else card["text_steps"], sigmas=sigmas, seed=card["text_seed"],
        images_per_prompt=card["images_per_prompt"], **card["guidance"])
    image = dict(
        prompts=card["prompts"][:2], height=card["image_grid"][0] * multiple, width=card["image_grid"][1] * multiple,
        image="input.image", posterior=card["posterior"], seed=card["text_seed"] + 1, **card["image"], **card["image_guidance"])
    return {"text": text, "image": image}
