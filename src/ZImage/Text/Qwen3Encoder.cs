using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Text;

/// <summary>
/// The text encoder (Qwen3Model), as far as Z-Image needs it: <c>hidden_states[-2]</c>, the residual stream after all layers but the last,
/// without the final norm. The last layer is never evaluated and never placed on the device.
/// </summary>
internal sealed class Qwen3Encoder
{
    private readonly Qwen3Config config;
    private readonly IBackend backend;
    private readonly Tensor embedTokens;
    private readonly Qwen3Layer[] layers;
    private readonly float[] inverseFrequencies;

    /// <summary>Reads the weights.</summary>
    public Qwen3Encoder(Qwen3Config config, WeightLoader weights, IBackend backend)
    {
        this.config = config;
        this.backend = backend;
        embedTokens = weights.Table("embed_tokens.weight", config.VocabSize, config.HiddenSize);
        layers = new Qwen3Layer[config.LayerCount - 1];
        for (int i = 0; i < layers.Length; i++)
        {
            layers[i] = new Qwen3Layer($"layers.{i}", config, weights, backend);
        }

        weights.Ignore($"layers.{config.LayerCount - 1}.");
        weights.Ignore("norm.weight");
        inverseFrequencies = new float[config.HeadDim / 2];
        for (int i = 0; i < inverseFrequencies.Length; i++)
        {
            float exponent = 2f * i / config.HeadDim;
            inverseFrequencies[i] = 1f / (float)Math.Pow(config.RopeTheta, exponent);
        }
    }

    /// <summary>Shape of the model.</summary>
    public Qwen3Config Config => config;

    /// <summary>Encodes prompts; they do not see each other.</summary>
    /// <param name="prompts">Token ids of each prompt, template included; none empty.</param>
    /// <param name="memory">Where activations and the result live.</param>
    /// <param name="probe">Sees the intermediates.</param>
    /// <param name="cancellation">Looked at between layers.</param>
    /// <returns>[all tokens, HiddenSize]: the prompts' rows one after the other.</returns>
    public Tensor Forward(IReadOnlyList<IReadOnlyList<int>> prompts, Workspace memory, ITensorProbe probe, CancellationToken cancellation)
    {
        int[] ids = [.. prompts.SelectMany(prompt => prompt)];
        AttentionSpan[] spans = new AttentionSpan[prompts.Count];
        int rows = 0;
        for (int i = 0; i < spans.Length; i++)
        {
            spans[i] = new AttentionSpan(rows, prompts[i].Count);
            rows += prompts[i].Count;
        }

        DType type = backend.ActivationType;
        Tensor x = memory.Rent(type, rows, config.HiddenSize);
        backend.Gather(embedTokens, ids, x);
        Record(probe, "embed_tokens", x);
        if (layers.Length == 0)
        {
            return x;
        }

        (Tensor cos, Tensor sin) = Rope(spans, rows, memory);
        Qwen3Layer.Buffers buffers = Qwen3Layer.Buffers.Rent(memory, type, rows, config);
        layers[0].NormIn(x, buffers.H);
        for (int i = 0; i < layers.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            layers[i].Forward(x, cos, sin, spans, i + 1 < layers.Length ? layers[i + 1] : null, buffers, probe);
        }

        buffers.Return(memory);
        memory.Return(cos);
        memory.Return(sin);
        return x;
    }

    private static void Record(ITensorProbe probe, string name, Tensor tensor)
    {
        if (probe.IsActive)
        {
            probe.Record(name, tensor);
        }
    }

    /// <summary>Angles position · theta^(-2i/d) in float32; each prompt counts from 0.</summary>
    private (Tensor Cos, Tensor Sin) Rope(AttentionSpan[] spans, int rows, Workspace memory)
    {
        int width = inverseFrequencies.Length;
        float[] cos = new float[rows * width];
        float[] sin = new float[rows * width];
        foreach (AttentionSpan span in spans)
        {
            for (int position = 0; position < span.QueryCount; position++)
            {
                for (int i = 0; i < width; i++)
                {
                    float angle = position * inverseFrequencies[i];
                    cos[((span.QueryStart + position) * width) + i] = MathF.Cos(angle);
                    sin[((span.QueryStart + position) * width) + i] = MathF.Sin(angle);
                }
            }
        }

        Tensor cosTable = memory.Rent(DType.F32, rows, width);
        Tensor sinTable = memory.Rent(DType.F32, rows, width);
        backend.Upload(cos, cosTable);
        backend.Upload(sin, sinTable);
        return (cosTable, sinTable);
    }
}
