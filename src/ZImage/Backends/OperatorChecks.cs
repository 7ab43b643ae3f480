using ZImage.Tensors;

namespace ZImage.Backends;

/// <summary>
/// The shape and type rules of the operators of <see cref="IBackend"/>, stated once for all backends. Each method has an operator's name,
/// takes the backend's activation type first, and throws <see cref="ArgumentException"/> with every operand in the message. A call that fits allocates nothing.
/// </summary>
internal static class OperatorChecks
{
    public static void Attention(DType type, Tensor q, Tensor k, Tensor v, Tensor y, AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans)
    {
        bool headsFit = heads.HeadDim > 0 && heads.KeyHeads > 0 && heads.Heads > 0 && heads.Heads % heads.KeyHeads == 0;
        if (!headsFit || !IsMatrix(q, type, (long)heads.Heads * heads.HeadDim) || !IsMatrix(k, type, (long)heads.KeyHeads * heads.HeadDim)
            || !IsMatrix(v, type, k.Shape[1]) || v.Shape[0] != k.Shape[0] || !IsMatrix(y, type, q.Shape[1]) || y.Shape[0] != q.Shape[0] || !y.IsDense)
        {
            throw Misfit($"{nameof(Attention)} with {heads}", ("q", q), ("k", k), ("v", v), ("y", y));
        }

        foreach (AttentionSpan span in spans)
        {
            bool inside = Inside(span.QueryStart, span.QueryCount, q.Shape[0]) && Inside(span.KeyStart, span.KeyCount, k.Shape[0]);
            if (!inside || (span.KeyCount == 0 && span.QueryCount > 0) || (heads.Causal && span.QueryCount != span.KeyCount))
            {
                throw Misfit($"{nameof(Attention)} with {heads} over {span}", ("q", q), ("k", k));
            }
        }
    }

    public static void RmsNorm(DType type, Tensor x, Tensor weight, Tensor scale, Tensor y)
    {
        if (!IsRows(x, type) || !IsLike(y, x, type) || !IsVector(weight, x.RowLength) || !IsVectorOrEmpty(scale, x.RowLength))
        {
            throw Misfit(nameof(RmsNorm), ("x", x), ("weight", weight), ("scale", scale), ("y", y));
        }
    }

    public static void ResidualNorm(DType type, Tensor x, Tensor y, Tensor weight, Tensor gate, Tensor nextWeight, Tensor nextScale, Tensor h)
    {
        bool rowsFit = IsRows(x, type) && IsLike(y, x, type) && (h.IsEmpty || IsLike(h, x, type));
        if (!rowsFit || h.IsEmpty != nextWeight.IsEmpty || (nextWeight.IsEmpty && !nextScale.IsEmpty)
            || !IsVectorOrEmpty(weight, x.RowLength) || !IsVectorOrEmpty(gate, x.RowLength)
            || !IsVectorOrEmpty(nextWeight, x.RowLength) || !IsVectorOrEmpty(nextScale, x.RowLength))
        {
            throw Misfit(
                nameof(ResidualNorm), ("x", x), ("y", y), ("weight", weight), ("gate", gate), ("nextWeight", nextWeight), ("nextScale", nextScale), ("h", h));
        }
    }

    public static void LayerNorm(DType type, Tensor x, Tensor scale, Tensor y)
    {
        if (!IsRows(x, type) || !IsLike(y, x, type) || !IsVector(scale, x.RowLength))
        {
            throw Misfit(nameof(LayerNorm), ("x", x), ("scale", scale), ("y", y));
        }
    }

    public static void HeadNormRope(DType type, Tensor q, Tensor k, Tensor qWeight, Tensor kWeight, Tensor cos, Tensor sin)
    {
        bool tablesFit = IsMatrix(cos, DType.F32) && cos.IsDense && IsMatrix(sin, DType.F32, cos.Shape[1]) && sin.IsDense && sin.Shape[0] == cos.Shape[0]
            && cos.Shape[1] > 0;
        if (!tablesFit || !IsHeads(q) || !IsHeads(k) || k.Shape[0] != cos.Shape[0] || q.Shape[0] > cos.Shape[0]
            || !IsVectorOrEmpty(qWeight, 2 * cos.Shape[1]) || !IsVectorOrEmpty(kWeight, 2 * cos.Shape[1]))
        {
            throw Misfit(
                nameof(HeadNormRope), ("q", q), ("k", k), ("qWeight", qWeight), ("kWeight", kWeight), ("cos", cos), ("sin", sin));
        }

        bool IsHeads(Tensor x) => IsMatrix(x, type) && x.Shape[1] % (2 * cos.Shape[1]) == 0;
    }

    public static void SwiGlu(DType type, Tensor gateUp, Tensor y)
    {
        if (!IsRows(gateUp, type) || !IsRows(y, type) || gateUp.RowLength != 2L * y.RowLength || gateUp.RowCount != y.RowCount)
        {
            throw Misfit(nameof(SwiGlu), ("gateUp", gateUp), ("y", y));
        }
    }

    /// <summary>Two dense tensors of one shape and type, for the operator <paramref name="name"/>.</summary>
    public static void DensePair(string name, DType type, Tensor x, Tensor y)
    {
        if (x.IsEmpty || y.IsEmpty || x.DType != type || y.DType != type || x.Shape != y.Shape || !x.IsDense || !y.IsDense)
        {
            throw Misfit(name, ("x", x), ("y", y));
        }
    }

    public static void Modulation(DType type, Tensor x, int width, Tensor y)
    {
        if (!IsRows(x, type) || !IsLike(y, x, DType.F32) || width <= 0 || x.RowLength % width != 0)
        {
            throw Misfit($"{nameof(Modulation)} with chunks of {width}", ("x", x), ("y", y));
        }
    }

    public static void Gather(DType type, Tensor table, ReadOnlySpan<int> ids, Tensor y)
    {
        if (table.IsEmpty || !table.DType.IsWeightType() || table.Shape.Rank != 2 || !IsMatrix(y, type, table.Shape[1]) || y.Shape[0] != ids.Length)
        {
            throw Misfit($"{nameof(Gather)} of {ids.Length} rows", ("table", table), ("y", y));
        }

        foreach (int id in ids)
        {
            if ((uint)id >= (uint)table.Shape[0])
            {
                throw Misfit($"{nameof(Gather)} of row {id}", ("table", table));
            }
        }
    }

    public static void TimestepEmbedding(DType type, ReadOnlySpan<float> times, Tensor y)
    {
        if (!IsMatrix(y, type) || y.Shape[0] != times.Length || y.Shape[1] < 2)
        {
            throw Misfit($"{nameof(TimestepEmbedding)} of {times.Length} times", ("y", y));
        }
    }

    public static void Patchify(DType type, Tensor latents, int patch, int rowsPerItem, Tensor tokens)
    {
        bool fits = IsDense(latents, DType.F32, 4) && IsMatrix(tokens, type) && patch > 0 && latents.Shape[2] % patch == 0 && latents.Shape[3] % patch == 0
            && tokens.Shape[1] == (long)patch * patch * latents.Shape[1] && tokens.Shape[0] == (long)latents.Shape[0] * rowsPerItem
            && rowsPerItem >= (long)(latents.Shape[2] / patch) * (latents.Shape[3] / patch);
        if (!fits)
        {
            throw Misfit($"{nameof(Patchify)} with patch {patch} and {rowsPerItem} rows per item", ("latents", latents), ("tokens", tokens));
        }
    }

    public static void Unpatchify(DType type, Tensor tokens, int patch, Tensor latent)
    {
        bool fits = IsDense(latent, DType.F32, 3) && IsMatrix(tokens, type) && patch > 0 && latent.Shape[1] % patch == 0 && latent.Shape[2] % patch == 0
            && tokens.Shape[1] == (long)patch * patch * latent.Shape[0] && tokens.Shape[0] >= (long)(latent.Shape[1] / patch) * (latent.Shape[2] / patch);
        if (!fits)
        {
            throw Misfit($"{nameof(Unpatchify)} with patch {patch}", ("tokens", tokens), ("latent", latent));
        }
    }

    public static void CopyRows(Tensor source, Tensor destination)
    {
        if (source.IsEmpty || destination.IsEmpty || source.Shape.Rank == 0 || source.Shape != destination.Shape
            || !source.DType.IsWeightType() || !destination.DType.IsWeightType())
        {
            throw Misfit(nameof(CopyRows), ("source", source), ("destination", destination));
        }
    }

    public static void FillRows(DType type, Tensor row, Tensor destination)
    {
        if (!IsRows(destination, type) || !IsVector(row, destination.RowLength))
        {
            throw Misfit(nameof(FillRows), ("row", row), ("destination", destination));
        }
    }

    public static void Conv2d(DType type, Tensor x, ConvWeight weight, ConvMode mode, Tensor residual, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Shape w = weight.Weight.Shape;
        bool fits = w.Rank == 4 && w[1] == w[2] && (w[1] == 3 || (w[1] == 1 && mode == ConvMode.Same)) && w[3] > 0 && weight.Weight.IsDense
            && weight.Weight.DType.IsWeightType() && IsVector(weight.Bias, w[0]) && IsDense(x, type, 4) && x.Shape[3] == w[3] && IsDense(y, type, 4);
        if (fits)
        {
            (int height, int width) = (x.Shape[1], x.Shape[2]);
            Shape expected = mode switch
            {
                ConvMode.Upsample2 => new(x.Shape[0], 2 * height, 2 * width, w[0]),
                ConvMode.Downsample2 => new(x.Shape[0], height / 2, width / 2, w[0]),
                _ => new(x.Shape[0], height, width, w[0]),
            };
            fits = y.Shape == expected && (mode != ConvMode.Downsample2 || ((height | width) & 1) == 0)
                && (residual.IsEmpty || (IsDense(residual, type, 4) && residual.Shape == expected));
        }

        if (!fits)
        {
            throw Misfit($"{nameof(Conv2d)} {mode}", ("x", x), ("weight", weight.Weight), ("bias", weight.Bias), ("residual", residual), ("y", y));
        }
    }

    public static void GroupNorm(DType type, Tensor x, Tensor weight, Tensor bias, int groups, Tensor y)
    {
        if (!IsDense(x, type, 4) || !IsDense(y, type, 4) || y.Shape != x.Shape || groups < 1 || x.Shape[3] % groups != 0
            || !IsVector(weight, x.Shape[3]) || !IsVector(bias, x.Shape[3]))
        {
            throw Misfit($"{nameof(GroupNorm)} with {groups} groups", ("x", x), ("weight", weight), ("bias", bias), ("y", y));
        }
    }

    public static void LatentsToChannelsLast(DType type, Tensor x, Tensor y)
    {
        if (!IsDense(x, DType.F32, 4) || !IsDense(y, type, 4) || y.Shape != new Shape(x.Shape[0], x.Shape[2], x.Shape[3], x.Shape[1]))
        {
            throw Misfit(nameof(LatentsToChannelsLast), ("x", x), ("y", y));
        }
    }

    public static void ChannelsLastToLatents(DType type, Tensor x, Tensor y)
    {
        if (!IsDense(x, type, 4) || !IsDense(y, DType.F32, 4) || x.Shape[0] != y.Shape[0] || x.Shape[1] != y.Shape[2] || x.Shape[2] != y.Shape[3]
            || x.Shape[3] < y.Shape[1])
        {
            throw Misfit(nameof(ChannelsLastToLatents), ("x", x), ("y", y));
        }
    }

    /// <summary>Activations [h, w, 3] and as many bytes, for the operator <paramref name="name"/>.</summary>
    public static void Rgb8(string name, DType type, Tensor picture, int bytes)
    {
        if (!IsDense(picture, type, 3) || picture.Shape[2] != 3 || picture.Count != bytes)
        {
            throw Misfit($"{name} with {bytes} bytes", ("picture", picture));
        }
    }

    private static bool IsRows(Tensor x, DType type) => !x.IsEmpty && x.DType == type && x.Shape.Rank >= 1;

    private static bool IsLike(Tensor y, Tensor x, DType type) => IsRows(y, type) && y.Shape == x.Shape;

    private static bool IsMatrix(Tensor x, DType type) => !x.IsEmpty && x.DType == type && x.Shape.Rank == 2;

    private static bool IsMatrix(Tensor x, DType type, long width) => IsMatrix(x, type) && x.Shape[1] == width;

    private static bool IsDense(Tensor x, DType type, int rank) => !x.IsEmpty && x.DType == type && x.Shape.Rank == rank && x.IsDense;

    private static bool IsVectorOrEmpty(Tensor x, int width) => x.IsEmpty || IsVector(x, width);

    private static bool IsVector(Tensor x, int width) =>
        !x.IsEmpty && x.DType == DType.F32 && x.RowLength == width && (x.Shape.Rank == 1 || (x.Shape.Rank == 2 && x.Shape[0] == 1));

    private static bool Inside(int start, int count, int extent) => start >= 0 && count >= 0 && start <= extent - count;

    private static ArgumentException Misfit(string operation, params ReadOnlySpan<(string Name, Tensor Tensor)> operands)
    {
        List<string> texts = [];
        foreach ((string name, Tensor tensor) in operands)
        {
            string gaps = !tensor.IsEmpty && !tensor.IsDense ? $" (row stride {tensor.RowStride})" : "";
            texts.Add(tensor.IsEmpty ? $"{name} empty" : $"{name} {tensor}{gaps}");
        }

        return new ArgumentException($"{operation} does not take {string.Join(", ", texts)}.");
    }
}
