using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Text;

/// <summary>
/// One layer of Qwen3 (Qwen3DecoderLayer).
/// <code>
/// x += o_proj(attention(norm_q(q_proj h), norm_k(k_proj h), v_proj h)),  h = input_layernorm(x), causal, grouped queries
/// x += down_proj(silu(gate_proj h) · up_proj h),                         h = post_attention_layernorm(x)
/// </code>
/// </summary>
internal sealed class Qwen3Layer
{
    private readonly string name;
    private readonly Qwen3Config config;
    private readonly IBackend backend;
    private readonly LinearWeight qkvProj;
    private readonly LinearWeight oProj;
    private readonly Tensor qNorm;
    private readonly Tensor kNorm;
    private readonly Tensor inputLayerNorm;
    private readonly Tensor postAttentionLayerNorm;
    private readonly LinearWeight gateUpProj;
    private readonly LinearWeight downProj;

    public Qwen3Layer(string name, Qwen3Config config, WeightLoader weights, IBackend backend)
    {
        this.name = name;
        this.config = config;
        this.backend = backend;
        int hidden = config.HiddenSize;
        int queries = config.HeadCount * config.HeadDim;
        int keys = config.KeyValueHeadCount * config.HeadDim;
        string attention = name + ".self_attn.";
        bool bias = config.AttentionBias;
        qkvProj = weights.Fused(hidden, bias, (attention + "q_proj", queries), (attention + "k_proj", keys), (attention + "v_proj", keys));
        oProj = weights.Linear(attention + "o_proj", hidden, queries, bias);
        qNorm = weights.Vector(attention + "q_norm.weight", config.HeadDim);
        kNorm = weights.Vector(attention + "k_norm.weight", config.HeadDim);
        inputLayerNorm = weights.Vector(name + ".input_layernorm.weight", hidden);
        postAttentionLayerNorm = weights.Vector(name + ".post_attention_layernorm.weight", hidden);
        gateUpProj = weights.Fused(hidden, false, (name + ".mlp.gate_proj", config.IntermediateSize), (name + ".mlp.up_proj", config.IntermediateSize));
        downProj = weights.Linear(name + ".mlp.down_proj", hidden, config.IntermediateSize);
    }

    /// <summary>h = input_layernorm(x): what <see cref="Forward"/> expects of the first layer; later ones get it from their predecessor.</summary>
    public void NormIn(Tensor x, Tensor h) => backend.RmsNorm(x, inputLayerNorm, default, config.RmsNormEps, h);

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[rows, HiddenSize] residual stream, updated.</param>
    /// <param name="cos">[rows, HeadDim / 2] F32.</param>
    /// <param name="sin">[rows, HeadDim / 2] F32.</param>
    /// <param name="spans">The prompts.</param>
    /// <param name="next">The layer after this one, or null for the last.</param>
    /// <param name="buffers">Scratch; H holds the normed input, and the next layer's afterwards.</param>
    /// <param name="probe">Sees the intermediates.</param>
    public void Forward(Tensor x, Tensor cos, Tensor sin, ReadOnlySpan<AttentionSpan> spans, Qwen3Layer? next, in Buffers buffers, ITensorProbe probe)
    {
        using BackendRange range = backend.Range(name);
        int queries = config.HeadCount * config.HeadDim;
        int keys = config.KeyValueHeadCount * config.HeadDim;
        backend.Linear(buffers.H, qkvProj, buffers.Qkv);
        Tensor q = buffers.Qkv.Columns(0, queries);
        Tensor k = buffers.Qkv.Columns(queries, keys);
        Tensor v = buffers.Qkv.Columns(queries + keys, keys);
        Record(probe, ".self_attn.q_proj", q);
        Record(probe, ".self_attn.k_proj", k);
        Record(probe, ".self_attn.v_proj", v);
        backend.HeadNormRope(q, k, qNorm, kNorm, cos, sin, RopeLayout.HalfSplit, config.RmsNormEps);
        AttentionHeads heads = new(config.HeadCount, config.KeyValueHeadCount, config.HeadDim, Causal: true);
        backend.Attention(q, k, v, buffers.Heads, heads, spans);
        backend.Linear(buffers.Heads, oProj, buffers.Y);
        Record(probe, ".self_attn", buffers.Y);
        backend.ResidualNorm(x, buffers.Y, default, default, postAttentionLayerNorm, default, config.RmsNormEps, buffers.H);

        backend.Linear(buffers.H, gateUpProj, buffers.GateUp);
        backend.SwiGlu(buffers.GateUp, buffers.Hidden);
        backend.Linear(buffers.Hidden, downProj, buffers.Y);
        Record(probe, ".mlp", buffers.Y);
        backend.ResidualNorm(
            x,
            buffers.Y,
            default,
            default,
            next is null ? default : next.inputLayerNorm,
            default,
            config.RmsNormEps,
            next is null ? default : buffers.H);
        Record(probe, "", x);
    }

    private void Record(ITensorProbe probe, string suffix, Tensor tensor)
    {
        if (probe.IsActive)
        {
            probe.Record(name + suffix, tensor);
        }
    }

    /// <summary>Scratch of a layer.</summary>
    /// <param name="H">[rows, HiddenSize]: input of the next product.</param>
    /// <param name="Y">[rows, HiddenSize]: output of the last product.</param>
    /// <param name="Qkv">[rows, queries + 2·keys].</param>
    /// <param name="Heads">[rows, queries].</param>
    /// <param name="GateUp">[rows, 2·IntermediateSize].</param>
    /// <param name="Hidden">[rows, IntermediateSize].</param>
    internal readonly record struct Buffers(Tensor H, Tensor Y, Tensor Qkv, Tensor Heads, Tensor GateUp, Tensor Hidden)
    {
        public static Buffers Rent(Workspace memory, DType type, int rows, Qwen3Config config)
        {
            int queries = config.HeadCount * config.HeadDim;
            int keys = config.KeyValueHeadCount * config.HeadDim;
            return new Buffers(
                memory.Rent(type, rows, config.HiddenSize),
                memory.Rent(type, rows, config.HiddenSize),
                memory.Rent(type, rows, queries + (2 * keys)),
                memory.Rent(type, rows, queries),
                memory.Rent(type, rows, 2 * config.IntermediateSize),
                memory.Rent(type, rows, config.IntermediateSize));
        }

        public void Return(Workspace memory)
        {
            memory.Return(H);
            memory.Return(Y);
            memory.Return(Qkv);
            memory.Return(Heads);
            memory.Return(GateUp);
            memory.Return(Hidden);
        }
    }
}
