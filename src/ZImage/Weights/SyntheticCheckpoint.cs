using System.Globalization;
using System.Text;
using ZImage.Dit;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Text;
using ZImage.Vae;

namespace ZImage.Weights;

/// <summary>
/// A checkpoint without files: <c>synthetic:SHAPE:K</c>. The shape is <c>turbo</c> (Z-Image-Turbo with Qwen3-4B and the FLUX VAE) or <c>tiny</c>
/// (the miniature of the golden tests); K is an integer. Every weight follows from its name and K (<see cref="SyntheticStorage"/>), so that PyTorch makes
/// the same checkpoint and the full size can be measured and proven without the published weights. Its pictures are abstract textures.
/// </summary>
/// <remarks>What the engine never evaluates is not there: the text encoder's last layer and final norm. There is no tokenizer either.</remarks>
internal sealed class SyntheticCheckpoint
{
    private const string Prefix = "synthetic:";
    private const string Hint = "Write synthetic:turbo:K or synthetic:tiny:K with an integer K, such as synthetic:turbo:7.";

    private readonly long number;

    private SyntheticCheckpoint(string name, string textEncoder, string transformer, string vae, long number)
    {
        Name = name;
        this.number = number;
        TextEncoder = Qwen3Config.Read(Config("text_encoder", textEncoder));
        Transformer = ZImageTransformerConfig.Read(Config("transformer", transformer));
        Vae = AutoencoderKlConfig.Read(Config("vae", vae));
        Scheduler = SchedulerConfig.Read(Config("scheduler", SchedulerJson));
    }

    /// <summary>As it was asked for, such as <c>synthetic:turbo:7</c>.</summary>
    public string Name { get; }

    /// <summary>Shape of the text encoder.</summary>
    public Qwen3Config TextEncoder { get; }

    /// <summary>Shape of the transformer.</summary>
    public ZImageTransformerConfig Transformer { get; }

    /// <summary>Shape of the VAE.</summary>
    public AutoencoderKlConfig Vae { get; }

    /// <summary>Static shift 3.</summary>
    public SchedulerConfig Scheduler { get; }

    /// <summary>Whether a path is not a path but names a synthetic checkpoint.</summary>
    public static bool IsName(string path) => path.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The checkpoint of this name.</summary>
    /// <exception cref="ModelFormatException">No such shape, or K is no integer.</exception>
    public static SyntheticCheckpoint Parse(string name)
    {
        string[] parts = name.Split(':');
        if (parts.Length != 3 || !long.TryParse(parts[2], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
        {
            throw new ModelFormatException($"'{name}' names no synthetic checkpoint.", Hint);
        }

        return parts[1] switch
        {
            "turbo" => new SyntheticCheckpoint(name, TurboTextEncoderJson, TurboTransformerJson, TurboVaeJson, number),
            "tiny" => new SyntheticCheckpoint(name, TinyTextEncoderJson, TinyTransformerJson, TinyVaeJson, number),
            _ => throw new ModelFormatException($"'{name}': there is no shape '{parts[1]}'.", Hint),
        };
    }

    /// <summary>The text encoder's tensors.</summary>
    public PartWeights TextEncoderWeights() => Part("text_encoder", weights => _ = new Qwen3Encoder(TextEncoder, weights, null!));

    /// <summary>The transformer's tensors.</summary>
    public PartWeights TransformerWeights() => Part("transformer", weights => _ = new ZImageTransformer(Transformer, weights, null!));

    /// <summary>The VAE's tensors.</summary>
    public PartWeights VaeWeights() => Part("vae", weights => _ = new AutoencoderKl(Vae, weights, null!));

    /// <summary>Asks a model what it needs: what it misses in an empty checkpoint is the list of its tensors.</summary>
    private PartWeights Part(string part, Action<WeightLoader> build)
    {
        WeightReader reader = new(part, new Dictionary<string, StoredTensor>());
        build(new WeightLoader(reader, null));
        return new PartWeights(part, Name, reader.Missing.ToDictionary(tensor => tensor.Name, tensor => Tensor(tensor.Name, tensor.Shape), StringComparer.Ordinal));
    }

    private StoredTensor Tensor(string name, Shape shape) =>
        StoredTensor.From(new Tensor(new SyntheticStorage(name, shape, number), DType.BF16, shape)) with { Source = Name };

    private ConfigReader Config(string part, string json) => ConfigReader.Parse(Encoding.UTF8.GetBytes(json), $"{Name}/{part}");

    private const string SchedulerJson = """
        { "_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0, "use_dynamic_shifting": false }
        """;

    private const string TurboTextEncoderJson = """
        {
          "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32,
          "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 9728, "hidden_act": "silu", "rms_norm_eps": 1e-06,
          "attention_bias": false, "rope_theta": 1000000
        }
        """;

    private const string TurboTransformerJson = """
        {
          "_class_name": "ZImageTransformer2DModel", "all_patch_size": [2], "all_f_patch_size": [1], "in_channels": 16, "dim": 3840, "n_layers": 30,
          "n_refiner_layers": 2, "n_heads": 30, "n_kv_heads": 30, "norm_eps": 1e-05, "qk_norm": true, "cap_feat_dim": 2560,
          "rope_theta": 256.0, "t_scale": 1000.0, "axes_dims": [32, 48, 48], "axes_lens": [1536, 512, 512]
        }
        """;

    private const string TurboVaeJson = """
        {
          "_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "latent_channels": 16, "block_out_channels": [128, 256, 512, 512],
          "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
          "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
          "layers_per_block": 2, "norm_num_groups": 32, "act_fn": "silu", "sample_size": 1024, "scaling_factor": 0.3611, "shift_factor": 0.1159,
          "mid_block_add_attention": true, "use_quant_conv": false, "use_post_quant_conv": false
        }
        """;

    private const string TinyTextEncoderJson = """
        {
          "model_type": "qwen3", "vocab_size": 2016, "hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 6,
          "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 160, "hidden_act": "silu", "rms_norm_eps": 1e-06,
          "attention_bias": false, "rope_theta": 1000000
        }
        """;

    private const string TinyTransformerJson = """
        {
          "_class_name": "ZImageTransformer2DModel", "all_patch_size": [2], "all_f_patch_size": [1], "in_channels": 16, "dim": 256, "n_layers": 2,
          "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2, "norm_eps": 1e-05, "qk_norm": true, "cap_feat_dim": 96,
          "rope_theta": 256.0, "t_scale": 1000.0, "axes_dims": [32, 48, 48], "axes_lens": [1536, 512, 512]
        }
        """;

    private const string TinyVaeJson = """
        {
          "_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "latent_channels": 16, "block_out_channels": [32, 32, 64, 64],
          "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
          "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
          "layers_per_block": 1, "norm_num_groups": 16, "act_fn": "silu", "sample_size": 1024, "scaling_factor": 0.3611, "shift_factor": 0.1159,
          "mid_block_add_attention": true, "use_quant_conv": false, "use_post_quant_conv": false
        }
        """;
}
