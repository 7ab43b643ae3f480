using ZImage.Weights;

namespace ZImage.Text;

/// <summary>The shape of a Qwen3 text encoder: the fields of its config.json that the encoder needs, with the defaults of transformers.</summary>
public sealed record Qwen3Config
{
    private const int MaxDim = 65536;

    private Qwen3Config()
    {
    }

    /// <summary>vocab_size: rows of the token embedding.</summary>
    public int VocabSize { get; private init; }

    /// <summary>hidden_size: width of the residual stream.</summary>
    public int HiddenSize { get; private init; }

    /// <summary>intermediate_size: width of the feed-forward layers.</summary>
    public int IntermediateSize { get; private init; }

    /// <summary>num_hidden_layers.</summary>
    public int LayerCount { get; private init; }

    /// <summary>num_attention_heads: query heads.</summary>
    public int HeadCount { get; private init; }

    /// <summary>num_key_value_heads: each serves HeadCount / KeyValueHeadCount query heads.</summary>
    public int KeyValueHeadCount { get; private init; }

    /// <summary>head_dim: elements per head, an even number; need not be HiddenSize / HeadCount.</summary>
    public int HeadDim { get; private init; }

    /// <summary>rms_norm_eps.</summary>
    public float RmsNormEps { get; private init; }

    /// <summary>rope_theta: base of the rotary frequencies.</summary>
    public double RopeTheta { get; private init; }

    /// <summary>attention_bias: whether q, k, v and the output projection have biases.</summary>
    public bool AttentionBias { get; private init; }

    /// <summary>Reads text_encoder/config.json, as transformers 4 and 5 write it.</summary>
    /// <exception cref="ModelFormatException">A field is of the wrong type, out of range, contradicts another, or asks for what the encoder does not do.</exception>
    internal static Qwen3Config Read(ConfigReader config)
    {
        if (config.OptionalString("model_type") is { } type && type != "qwen3")
        {
            throw config.Error("model_type", $"is '{SafetensorsHeader.Show(type)}'; expected is 'qwen3'", "The text encoder of Z-Image is a Qwen3 model.");
        }

        config.RefuseQuantization();
        int heads = config.Int32("num_attention_heads", 32, 1, 1024);
        Qwen3Config result = new()
        {
            VocabSize = config.Int32("vocab_size", 151936, 1, 1 << 24),
            HiddenSize = config.Int32("hidden_size", 4096, 1, MaxDim),
            IntermediateSize = config.Int32("intermediate_size", 22016, 1, 4 * MaxDim),
            LayerCount = config.Int32("num_hidden_layers", 32, 1, 1024),
            HeadCount = heads,

            // Absent means 32; null means one for each query head.
            KeyValueHeadCount = config.OptionalInt32("num_key_value_heads", 1, 1024) ?? (config.Has("num_key_value_heads") ? heads : 32),
            HeadDim = config.Int32("head_dim", 128, 2, 4096),
            RmsNormEps = (float)config.Number("rms_norm_eps", 1e-6, 0, 1),
            RopeTheta = ReadRopeTheta(config),
            AttentionBias = config.Boolean("attention_bias", false),
        };
        if (heads % result.KeyValueHeadCount != 0)
        {
            throw config.Error("num_key_value_heads", $"is {result.KeyValueHeadCount}, which does not divide num_attention_heads = {heads}");
        }

        if (result.HeadDim % 2 != 0)
        {
            throw config.Error("head_dim", $"is {result.HeadDim}; expected is an even number");
        }

        if (config.OptionalString("hidden_act") is { } activation && activation != "silu")
        {
            throw config.Error("hidden_act", $"is '{SafetensorsHeader.Show(activation)}'; only 'silu' is supported");
        }

        CheckFullAttention(config, result.LayerCount);
        return result;
    }

    private static double ReadRopeTheta(ConfigReader config)
    {
        // transformers 5 moved the base into rope_parameters; transformers 4 wrote it beside a rope_scaling.
        double theta = config.Number("rope_theta", 10000, 1, 1e12);
        foreach (string key in (ReadOnlySpan<string>)["rope_scaling", "rope_parameters"])
        {
            if (config.Section(key) is not { } rope)
            {
                continue;
            }

            string type = rope.OptionalString("rope_type") ?? rope.OptionalString("type") ?? "default";
            if (type != "default")
            {
                throw config.Error(key, $"asks for the type '{SafetensorsHeader.Show(type)}'; only 'default' is supported");
            }

            theta = rope.Number("rope_theta", theta, 1, 1e12);
        }

        return theta;
    }

    private static void CheckFullAttention(ConfigReader config, int layers)
    {
        if (config.OptionalStringList("layer_types", 1024) is { } types)
        {
            if (types.FirstOrDefault(type => type != "full_attention") is { } other)
            {
                throw config.Error("layer_types", $"holds '{SafetensorsHeader.Show(other)}'; only 'full_attention' is supported");
            }

            return;
        }

        if (config.Boolean("use_sliding_window", false)
            && (!config.Has("sliding_window") || config.Find("sliding_window") is not null)
            && config.Int32("max_window_layers", 28, 0, 1 << 20) < layers)
        {
            throw config.Error("use_sliding_window", "is true; sliding windows are not supported");
        }
    }
}
