using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Diagnostics;

/// <summary>Any backend with an observer in front: it sees every operator with its cost, inside a profiler range of the operator's name. Nothing is replayed.</summary>
/// <param name="inner">What computes; disposed with this object.</param>
/// <param name="observer">Who looks on; null for ranges only.</param>
internal sealed partial class ObservedBackend(IBackend inner, IOperatorObserver? observer) : IBackend
{
    /// <inheritdoc/>
    public void Linear(Tensor x, LinearWeight weight, Tensor y)
    {
        OperatorCall call = new(nameof(Linear), new Shape(x.RowCount, weight.OutFeatures, weight.InFeatures), 2L * x.RowCount * weight.OutFeatures * weight.InFeatures, x.Bytes + y.Bytes + Bytes(weight));
        Begin(call);
        inner.Linear(x, weight, y);
        End(call);
    }

    /// <inheritdoc/>
    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans)
    {
        OperatorCall call = new(nameof(Attention), new Shape(q.RowCount, k.RowCount, heads.Heads, heads.KeyHeads, heads.HeadDim), Flop(heads, spans), q.Bytes + k.Bytes + v.Bytes + y.Bytes);
        Begin(call);
        inner.Attention(q, k, v, y, heads, spans);
        End(call);
    }

    /// <inheritdoc/>
    public void Conv2d(Tensor x, ConvWeight weight, ConvMode mode, Tensor residual, Tensor y)
    {
        OperatorCall call = new(nameof(Conv2d), new Shape(y.Shape[1], y.Shape[2], weight.OutChannels, weight.InChannels, weight.Kernel), 2L * y.Count * weight.InChannels * weight.Kernel * weight.Kernel, x.Bytes + y.Bytes + weight.Weight.Bytes + Bytes(residual));
        Begin(call);
        inner.Conv2d(x, weight, mode, residual, y);
        End(call);
    }

    /// <inheritdoc/>
    public void RmsNorm(Tensor x, Tensor weight, Tensor scale, float eps, Tensor y)
    {
        OperatorCall call = new(nameof(RmsNorm), x.Shape, 0, x.Bytes + y.Bytes);
        Begin(call);
        inner.RmsNorm(x, weight, scale, eps, y);
        End(call);
    }

    /// <inheritdoc/>
    public void ResidualNorm(Tensor x, Tensor y, Tensor weight, Tensor gate, Tensor nextWeight, Tensor nextScale, float eps, Tensor h)
    {
        OperatorCall call = new(nameof(ResidualNorm), x.Shape, 0, (2 * x.Bytes) + y.Bytes + Bytes(h));
        Begin(call);
        inner.ResidualNorm(x, y, weight, gate, nextWeight, nextScale, eps, h);
        End(call);
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, Tensor scale, float eps, Tensor y)
    {
        OperatorCall call = new(nameof(LayerNorm), x.Shape, 0, x.Bytes + y.Bytes);
        Begin(call);
        inner.LayerNorm(x, scale, eps, y);
        End(call);
    }

    /// <inheritdoc/>
    public void GroupNorm(Tensor x, Tensor weight, Tensor bias, int groups, float eps, bool silu, Tensor y)
    {
        OperatorCall call = new(nameof(GroupNorm), x.Shape, 0, x.Bytes + y.Bytes);
        Begin(call);
        inner.GroupNorm(x, weight, bias, groups, eps, silu, y);
        End(call);
    }

    /// <inheritdoc/>
    public void HeadNormRope(Tensor q, Tensor k, Tensor qWeight, Tensor kWeight, Tensor cos, Tensor sin, RopeLayout layout, float eps)
    {
        OperatorCall call = new(nameof(HeadNormRope), k.Shape, 0, (2 * q.Bytes) + (2 * k.Bytes) + cos.Bytes + sin.Bytes);
        Begin(call);
        inner.HeadNormRope(q, k, qWeight, kWeight, cos, sin, layout, eps);
        End(call);
    }

    /// <inheritdoc/>
    public void SwiGlu(Tensor gateUp, Tensor y)
    {
        OperatorCall call = new(nameof(SwiGlu), y.Shape, 0, gateUp.Bytes + y.Bytes);
        Begin(call);
        inner.SwiGlu(gateUp, y);
        End(call);
    }

    /// <inheritdoc/>
    public void Silu(Tensor x, Tensor y)
    {
        OperatorCall call = new(nameof(Silu), x.Shape, 0, x.Bytes + y.Bytes);
        Begin(call);
        inner.Silu(x, y);
        End(call);
    }

    /// <inheritdoc/>
    public void Add(Tensor x, Tensor y)
    {
        OperatorCall call = new(nameof(Add), x.Shape, 0, (2 * x.Bytes) + y.Bytes);
        Begin(call);
        inner.Add(x, y);
        End(call);
    }

    /// <inheritdoc/>
    public void Modulation(Tensor x, int width, Tensor y)
    {
        OperatorCall call = new(nameof(Modulation), x.Shape, 0, x.Bytes + y.Bytes);
        Begin(call);
        inner.Modulation(x, width, y);
        End(call);
    }

    /// <inheritdoc/>
    public void Gather(Tensor table, ReadOnlySpan<int> ids, Tensor y)
    {
        OperatorCall call = new(nameof(Gather), y.Shape, 0, y.Bytes + (y.Count * table.DType.SizeBytes()));
        Begin(call);
        inner.Gather(table, ids, y);
        End(call);
    }

    /// <inheritdoc/>
    public void TimestepEmbedding(ReadOnlySpan<float> times, Tensor y)
    {
        OperatorCall call = new(nameof(TimestepEmbedding), y.Shape, 0, y.Bytes);
        Begin(call);
        inner.TimestepEmbedding(times, y);
        End(call);
    }

    /// <inheritdoc/>
    public void Patchify(Tensor latents, int patch, int rowsPerItem, Tensor tokens)
    {
        OperatorCall call = new(nameof(Patchify), tokens.Shape, 0, latents.Bytes + tokens.Bytes);
        Begin(call);
        inner.Patchify(latents, patch, rowsPerItem, tokens);
        End(call);
    }

    /// <inheritdoc/>
    public void Unpatchify(Tensor tokens, int patch, Tensor latent)
    {
        OperatorCall call = new(nameof(Unpatchify), tokens.Shape, 0, tokens.Bytes + latent.Bytes);
        Begin(call);
        inner.Unpatchify(tokens, patch, latent);
        End(call);
    }

    /// <inheritdoc/>
    public void CopyRows(Tensor source, Tensor destination)
    {
        OperatorCall call = new(nameof(CopyRows), source.Shape, 0, source.Bytes + destination.Bytes);
        Begin(call);
        inner.CopyRows(source, destination);
        End(call);
    }

    /// <inheritdoc/>
    public void FillRows(Tensor row, Tensor destination)
    {
        OperatorCall call = new(nameof(FillRows), destination.Shape, 0, destination.Bytes);
        Begin(call);
        inner.FillRows(row, destination);
        End(call);
    }

    /// <inheritdoc/>
    public void EulerStep(Tensor latents, Tensor prediction, float sigma, float sigmaNext)
    {
        OperatorCall call = new(nameof(EulerStep), latents.Shape, 0, (2 * latents.Bytes) + prediction.Bytes);
        Begin(call);
        inner.EulerStep(latents, prediction, sigma, sigmaNext);
        End(call);
    }

    /// <inheritdoc/>
    public void Guidance(Tensor positive, Tensor negative, float scale, float normalization)
    {
        OperatorCall call = new(nameof(Guidance), positive.Shape, 0, (2 * positive.Bytes) + negative.Bytes);
        Begin(call);
        inner.Guidance(positive, negative, scale, normalization);
        End(call);
    }

    /// <inheritdoc/>
    public void Blend(float a, Tensor x, float b, Tensor y)
    {
        OperatorCall call = new(nameof(Blend), x.Shape, 0, x.Bytes + (2 * y.Bytes));
        Begin(call);
        inner.Blend(a, x, b, y);
        End(call);
    }

    /// <inheritdoc/>
    public void LatentsToChannelsLast(Tensor x, float scale, float shift, Tensor y)
    {
        OperatorCall call = new(nameof(LatentsToChannelsLast), x.Shape, 0, x.Bytes + y.Bytes);
        Begin(call);
        inner.LatentsToChannelsLast(x, scale, shift, y);
        End(call);
    }

    /// <inheritdoc/>
    public void ChannelsLastToLatents(Tensor x, float shift, float scale, Tensor y)
    {
        OperatorCall call = new(nameof(ChannelsLastToLatents), x.Shape, 0, y.Bytes + (y.Count * x.DType.SizeBytes()));
        Begin(call);
        inner.ChannelsLastToLatents(x, shift, scale, y);
        End(call);
    }

    /// <inheritdoc/>
    public void ToRgb8(Tensor x, Span<byte> rgb)
    {
        OperatorCall call = new(nameof(ToRgb8), x.Shape, 0, x.Bytes + rgb.Length);
        Begin(call);
        inner.ToRgb8(x, rgb);
        End(call);
    }

    /// <inheritdoc/>
    public void FromRgb8(ReadOnlySpan<byte> rgb, Tensor y)
    {
        OperatorCall call = new(nameof(FromRgb8), y.Shape, 0, y.Bytes + rgb.Length);
        Begin(call);
        inner.FromRgb8(rgb, y);
        End(call);
    }

    private static long Bytes(Tensor tensor) => tensor.IsEmpty ? 0 : tensor.Bytes;

    private static long Bytes(LinearWeight weight)
    {
        long bytes = 0;
        for (int i = 0; i < weight.Parts.Count; i++)
        {
            bytes += weight.Parts[i].Bytes;
        }

        return bytes;
    }

    /// <summary>Two products of [queries, keys] by the head; a causal one needs half of them.</summary>
    private static long Flop(AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans)
    {
        long pairs = 0;
        foreach (AttentionSpan span in spans)
        {
            long all = (long)span.QueryCount * span.KeyCount;
            pairs += heads.Causal ? (all + span.QueryCount) / 2 : all;
        }

        return 4 * pairs * heads.Heads * heads.HeadDim;
    }

    private void Begin(in OperatorCall call)
    {
        inner.BeginRange(call.Operator);
        observer?.Before(call);
    }

    private void End(in OperatorCall call)
    {
        observer?.After(call);
        inner.EndRange();
    }
}
