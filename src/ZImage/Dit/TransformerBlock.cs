using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Dit;

/// <summary>
/// One block of the S3-DiT (ZImageTransformerBlock): sandwich-normed attention and SwiGLU, modulated or not.
/// <code>
/// x += gate_msa · norm2_attn(attention(norm1_attn(x) · scale_msa))
/// x += gate_mlp · norm2_ffn(w2(silu(w1 h) · (w3 h))),  h = norm1_ffn(x) · scale_mlp
/// </code>
/// </summary>
internal sealed class TransformerBlock
{
    private readonly string name;
    private readonly ZImageTransformerConfig config;
    private readonly IBackend backend;
    private readonly LinearWeight toQkv;
    private readonly LinearWeight toOut;
    private readonly Tensor normQ;
    private readonly Tensor normK;
    private readonly Tensor attentionNorm1;
    private readonly Tensor attentionNorm2;
    private readonly Tensor ffnNorm1;
    private readonly Tensor ffnNorm2;
    private readonly LinearWeight w1w3;
    private readonly LinearWeight w2;
    private readonly LinearWeight? adaLNModulation;

    public TransformerBlock(string name, ZImageTransformerConfig config, bool modulation, WeightLoader weights, IBackend backend)
    {
        this.name = name;
        this.config = config;
        this.backend = backend;
        int dim = config.Dim;
        toQkv = weights.Fused(dim, false, (name + ".attention.to_q", dim), (name + ".attention.to_k", dim), (name + ".attention.to_v", dim));
        toOut = weights.Linear(name + ".attention.to_out.0", dim, dim);
        if (config.QkNorm)
        {
            normQ = weights.Vector(name + ".attention.norm_q.weight", config.HeadDim);
            normK = weights.Vector(name + ".attention.norm_k.weight", config.HeadDim);
        }

        attentionNorm1 = weights.Vector(name + ".attention_norm1.weight", dim);
        attentionNorm2 = weights.Vector(name + ".attention_norm2.weight", dim);
        ffnNorm1 = weights.Vector(name + ".ffn_norm1.weight", dim);
        ffnNorm2 = weights.Vector(name + ".ffn_norm2.weight", dim);
        w1w3 = weights.Fused(dim, false, (name + ".feed_forward.w1", config.FfnDim), (name + ".feed_forward.w3", config.FfnDim));
        w2 = weights.Linear(name + ".feed_forward.w2", dim, config.FfnDim);
        if (modulation)
        {
            adaLNModulation = weights.Linear(name + ".adaLN_modulation.0", 4 * dim, config.AdaLnDim, bias: true);
        }
    }

    /// <summary>Scales and gates of this block for every step of a schedule; the empty tensor for a block without modulation.</summary>
    /// <param name="temb">[steps, AdaLnDim] time embeddings.</param>
    /// <param name="memory">Where the result lives.</param>
    /// <returns>[steps, 4·dim] F32: scale_msa, gate_msa, scale_mlp, gate_mlp, ready to multiply with.</returns>
    public Tensor Modulations(Tensor temb, Workspace memory)
    {
        if (adaLNModulation is null)
        {
            return default;
        }

        int steps = temb.Shape[0];
        Tensor raw = memory.Rent(backend.ActivationType, steps, 4 * config.Dim);
        backend.Linear(temb, adaLNModulation, raw);
        if (raw.DType == DType.F32)
        {
            backend.Modulation(raw, config.Dim, raw);
            return raw;
        }

        Tensor factors = memory.Rent(DType.F32, steps, 4 * config.Dim);
        backend.Modulation(raw, config.Dim, factors);
        memory.Return(raw);
        return factors;
    }

    /// <summary>h = norm1_attn(x) · scale_msa: what <see cref="Forward"/> expects of the first block; later ones get it from their predecessor.</summary>
    public void NormIn(Tensor x, Tensor modulation, Tensor h) =>
        backend.RmsNorm(x, attentionNorm1, Chunk(modulation, 0), config.NormEps, h);

    /// <summary>Runs the block.</summary>
    /// <param name="x">[rows, dim] residual stream, updated; only the first <paramref name="activeRows"/> rows are.</param>
    /// <param name="modulation">[1, 4·dim] F32 of this step, or empty.</param>
    /// <param name="rope">Rotary tables of the rows.</param>
    /// <param name="spans">Batch items; their queries are the active rows.</param>
    /// <param name="activeRows">Rows wanted in the output: the others only answer as keys and values.</param>
    /// <param name="next">The block after this one, whose input norm ends the last row operator; null for the last.</param>
    /// <param name="nextModulation">Its modulation.</param>
    /// <param name="buffers">Scratch; <see cref="BlockBuffers.H"/> holds the normed input, and the next block's afterwards.</param>
    /// <param name="probe">Sees the intermediates.</param>
    public void Forward(
        Tensor x,
        Tensor modulation,
        in RopeTables rope,
        ReadOnlySpan<AttentionSpan> spans,
        int activeRows,
        TransformerBlock? next,
        Tensor nextModulation,
        in BlockBuffers buffers,
        ITensorProbe probe)
    {
        using BackendRange range = backend.Range(name);
        int rows = x.Shape[0];
        int dim = config.Dim;
        Tensor qkv = buffers.Qkv.Slice(0, rows);
        backend.Linear(buffers.H.Slice(0, rows), toQkv, qkv);
        Tensor q = qkv.Columns(0, dim).Slice(0, activeRows);
        Tensor k = qkv.Columns(dim, dim);
        Tensor v = qkv.Columns(2 * dim, dim);
        Record(probe, ".attention.to_q", q);
        Record(probe, ".attention.to_k", k);
        Record(probe, ".attention.to_v", v);
        backend.HeadNormRope(q, k, normQ, normK, rope.Cos, rope.Sin, RopeLayout.Interleaved, ZImageTransformerConfig.QkNormEps);
        Record(probe, ".attention.q_rope", q);
        Record(probe, ".attention.k_rope", k);

        x = x.Slice(0, activeRows);
        Tensor h = buffers.H.Slice(0, activeRows);
        Tensor y = buffers.Y.Slice(0, activeRows);
        Tensor heads = buffers.Heads.Slice(0, activeRows);
        backend.Attention(q, k, v, heads, new AttentionHeads(config.HeadCount, config.HeadCount, config.HeadDim, Causal: false), spans);
        Record(probe, ".attention.heads", heads);
        backend.Linear(heads, toOut, y);
        Record(probe, ".attention", y);
        backend.ResidualNorm(x, y, attentionNorm2, Chunk(modulation, 1), ffnNorm1, Chunk(modulation, 2), config.NormEps, h);

        Tensor gateUp = buffers.GateUp.Slice(0, activeRows);
        Tensor hidden = buffers.Hidden.Slice(0, activeRows);
        backend.Linear(h, w1w3, gateUp);
        Record(probe, ".feed_forward.w1", gateUp.Columns(0, config.FfnDim));
        Record(probe, ".feed_forward.w3", gateUp.Columns(config.FfnDim, config.FfnDim));
        backend.SwiGlu(gateUp, hidden);
        backend.Linear(hidden, w2, y);
        Record(probe, ".feed_forward", y);
        backend.ResidualNorm(
            x,
            y,
            ffnNorm2,
            Chunk(modulation, 3),
            next is null ? default : next.attentionNorm1,
            next is null ? default : next.Chunk(nextModulation, 0),
            config.NormEps,
            next is null ? default : h);
        Record(probe, "", x);
    }

    private Tensor Chunk(Tensor modulation, int index) =>
        modulation.IsEmpty ? default : modulation.Columns(index * config.Dim, config.Dim);

    private void Record(ITensorProbe probe, string suffix, Tensor tensor)
    {
        if (probe.IsActive)
        {
            probe.Record(name + suffix, tensor);
        }
    }
}

/// <summary>Rotary tables of some rows.</summary>
/// <param name="Cos">[rows, head_dim / 2] F32.</param>
/// <param name="Sin">[rows, head_dim / 2] F32.</param>
internal readonly record struct RopeTables(Tensor Cos, Tensor Sin)
{
    /// <summary>The tables of a range of rows.</summary>
    public RopeTables Slice(int start, int count) => new(Cos.Slice(start, count), Sin.Slice(start, count));
}

/// <summary>Scratch of a block, for the longest sequence; shorter ones use the first rows.</summary>
/// <param name="H">[rows, dim]: input of the next product.</param>
/// <param name="Y">[rows, dim]: output of the last product.</param>
/// <param name="Qkv">[rows, 3·dim].</param>
/// <param name="Heads">[rows, dim]: attention output before to_out.</param>
/// <param name="GateUp">[rows, 2·ffn].</param>
/// <param name="Hidden">[rows, ffn].</param>
internal readonly record struct BlockBuffers(Tensor H, Tensor Y, Tensor Qkv, Tensor Heads, Tensor GateUp, Tensor Hidden)
{
    /// <summary>Takes the scratch for <paramref name="rows"/> rows.</summary>
    public static BlockBuffers Rent(Workspace memory, DType type, int rows, ZImageTransformerConfig config) => new(
        memory.Rent(type, rows, config.Dim),
        memory.Rent(type, rows, config.Dim),
        memory.Rent(type, rows, 3 * config.Dim),
        memory.Rent(type, rows, config.Dim),
        memory.Rent(type, rows, 2 * config.FfnDim),
        memory.Rent(type, rows, config.FfnDim));
}
