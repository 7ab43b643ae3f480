using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Vae;

/// <summary>The middle of encoder and decoder (UNetMidBlock2D): resnet, one-head self-attention over all positions, resnet.</summary>
internal sealed class MidBlock2D
{
    private readonly string name;
    private readonly string attentionName;
    private readonly VaeOperators ops;
    private readonly int channels;
    private readonly ResnetBlock2D resnet0;
    private readonly ResnetBlock2D resnet1;
    private readonly bool hasAttention;
    private readonly GroupNormWeight groupNorm;
    private readonly LinearWeight? toQkv;
    private readonly LinearWeight? toOut;

    public MidBlock2D(string name, int channels, bool hasAttention, VaeOperators ops, WeightLoader weights)
    {
        this.name = name;
        attentionName = name + ".attentions.0";
        this.ops = ops;
        this.channels = channels;
        this.hasAttention = hasAttention;
        resnet0 = new ResnetBlock2D(name + ".resnets.0", channels, channels, ops, weights);
        if (hasAttention)
        {
            string attention = name + ".attentions.0.";
            groupNorm = VaeOperators.ReadGroupNorm(attention + "group_norm", channels, weights);
            toQkv = weights.Fused(channels, true, (attention + "to_q", channels), (attention + "to_k", channels), (attention + "to_v", channels));
            toOut = weights.Linear(attention + "to_out.0", channels, channels, bias: true);
        }

        resnet1 = new ResnetBlock2D(name + ".resnets.1", channels, channels, ops, weights);
    }

    /// <summary>[1, h, w, channels] to the same shape.</summary>
    public Tensor Forward(Tensor x, Workspace memory, ITensorProbe probe)
    {
        x = resnet0.Forward(x, memory, probe);
        if (hasAttention)
        {
            Attention(x, memory);
            VaeOperators.Record(probe, name + ".attentions.0", x);
        }

        return resnet1.Forward(x, memory, probe);
    }

    /// <summary>x += to_out(attention(group_norm(x))).</summary>
    private void Attention(Tensor x, Workspace memory)
    {
        using BackendRange range = ops.Backend.Range(attentionName);
        IBackend backend = ops.Backend;
        int rows = x.Shape[1] * x.Shape[2];
        Tensor normed = ops.Rent(memory, x.Shape[1], x.Shape[2], channels);
        Tensor qkv = memory.Rent(backend.ActivationType, rows, 3 * channels);
        ops.GroupNorm(x, groupNorm, silu: false, normed);
        Tensor heads = normed.Reshape(rows, channels);
        backend.Linear(heads, toQkv!, qkv);
        backend.Attention(
            qkv.Columns(0, channels),
            qkv.Columns(channels, channels),
            qkv.Columns(2 * channels, channels),
            heads,
            new AttentionHeads(1, 1, channels, Causal: false),
            [new AttentionSpan(0, rows)]);
        // q, k and v are spent: their memory takes the result.
        Tensor y = new(qkv.Storage, heads.DType, heads.Shape);
        backend.Linear(heads, toOut!, y);
        backend.Add(x.Reshape(rows, channels), y);
        memory.Return(normed);
        memory.Return(qkv);
    }
}
