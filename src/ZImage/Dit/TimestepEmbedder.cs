using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Dit;

/// <summary>Time to embedding: Linear(SiLU(Linear(sinusoid(t · t_scale)))), 256 to 1024 to <c>AdaLnDim</c>.</summary>
internal sealed class TimestepEmbedder
{
    private const int FrequencySize = 256;
    private const int MidSize = 1024;

    private readonly ZImageTransformerConfig config;
    private readonly IBackend backend;
    private readonly LinearWeight mlp0;
    private readonly LinearWeight mlp2;

    public TimestepEmbedder(ZImageTransformerConfig config, WeightLoader weights, IBackend backend)
    {
        this.config = config;
        this.backend = backend;
        mlp0 = weights.Linear("t_embedder.mlp.0", MidSize, FrequencySize, bias: true);
        mlp2 = weights.Linear("t_embedder.mlp.2", config.AdaLnDim, MidSize, bias: true);
    }

    /// <summary>The embeddings of several times at once.</summary>
    /// <param name="times">Times in 0 (noise) .. 1 (picture).</param>
    /// <param name="memory">Where the result lives.</param>
    /// <returns>[times, AdaLnDim].</returns>
    public Tensor Forward(ReadOnlySpan<float> times, Workspace memory)
    {
        float[] scaled = new float[times.Length];
        for (int i = 0; i < scaled.Length; i++)
        {
            scaled[i] = times[i] * config.TimeScale;
        }

        DType type = backend.ActivationType;
        Tensor sinusoid = memory.Rent(type, times.Length, FrequencySize);
        Tensor mid = memory.Rent(type, times.Length, MidSize);
        Tensor result = memory.Rent(type, times.Length, config.AdaLnDim);
        backend.TimestepEmbedding(scaled, sinusoid);
        backend.Linear(sinusoid, mlp0, mid);
        backend.Silu(mid, mid);
        backend.Linear(mid, mlp2, result);
        memory.Return(sinusoid);
        memory.Return(mid);
        return result;
    }
}
