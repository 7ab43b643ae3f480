using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ZImage.Backends.Cpu;

/// <summary>
/// The parallel loop of attention. An iteration is one block of queries of one head of one batch item; it walks over the item's keys
/// block by block with a running maximum and a running sum (online softmax), so the matrix of scores never exists as a whole.
/// </summary>
/// <remarks>
/// Inside, everything is transposed: a panel holds some queries along the vector lanes, scores are [key, query], and the running values
/// are plain vectors. What a query computes depends on its item's rows alone: neither on the other queries nor on the thread.
/// </remarks>
internal unsafe struct AttentionLoop : IParallelBody
{
    /// <summary>Keys of a block. Fixed, because the order of the sums hangs on it: scores of a panel stay in the first-level cache.</summary>
    public const int KeyBlock = 96;

    public float* Q;
    public float* K;
    public float* V;
    public float* Y;
    public long QueryStride;
    public long KeyStride;
    public long ValueStride;
    public long OutputStride;
    public int HeadDim;
    public int Heads;
    public int HeadsPerKeyHead;
    public bool Causal;
    public float Scale;
    public AttentionSpan* Spans;
    public int PanelsPerBlock;
    public VectorWidth Level;
    public GemmScratch Scratch;

    /// <summary>Queries of a panel at a vector width.</summary>
    public static int Lanes(VectorWidth level) => level switch
    {
        VectorWidth.Bits512 => AttentionTiles.Lanes<Simd512, Vector512<float>>(),
        VectorWidth.Bits256 => AttentionTiles.Lanes<Simd256, Vector256<float>>(),
        _ => AttentionTiles.Lanes<Simd128, Vector128<float>>(),
    };

    /// <summary>Scratch floats of an iteration; every part is a multiple of 16 floats, so that vectors stay aligned.</summary>
    public static long ScratchFloats(int headDim, int lanes, int panels) =>
        (2L * panels * (headDim + 16) * lanes) + (2L * KeyBlock * (headDim + 16)) + ((long)KeyBlock * lanes) + (2L * panels * lanes) + lanes + 64;

    public readonly int BlocksOf(int queries)
    {
        int perBlock = PanelsPerBlock * Lanes(Level);
        return (queries + perBlock - 1) / perBlock;
    }

    public void Invoke(int index)
    {
        int span = 0;
        int blocks = BlocksOf(Spans[0].QueryCount);
        while (index >= blocks * Heads)
        {
            index -= blocks * Heads;
            span++;
            blocks = BlocksOf(Spans[span].QueryCount);
        }

        float* memory = Scratch.Take(out int slot);
        switch (Level)
        {
            case VectorWidth.Bits512:
                Block<Simd512, Vector512<float>>(Spans[span], index / blocks, index % blocks, memory);
                break;
            case VectorWidth.Bits256:
                Block<Simd256, Vector256<float>>(Spans[span], index / blocks, index % blocks, memory);
                break;
            default:
                Block<Simd128, Vector128<float>>(Spans[span], index / blocks, index % blocks, memory);
                break;
        }

        Scratch.Release(slot);
    }

    private readonly void Block<TSimd, TVector>(AttentionSpan span, int head, int block, float* memory)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        int lanes = AttentionTiles.Lanes<TSimd, TVector>();
        int rows = AttentionTiles.Rows<TSimd, TVector>();
        int depth = HeadDim;
        int paddedDepth = (depth + rows - 1) / rows * rows;
        int firstQuery = block * PanelsPerBlock * lanes;
        int panels = Math.Min(PanelsPerBlock, (span.QueryCount - firstQuery + lanes - 1) / lanes);

        float* queries = memory;
        float* output = queries + ((long)panels * depth * lanes);
        float* maximum = output + ((long)panels * paddedDepth * lanes);
        float* sum = maximum + (panels * lanes);
        float* factor = sum + (panels * lanes);
        float* scores = factor + lanes;
        float* keys = scores + (KeyBlock * lanes);
        float* values = keys + ((long)KeyBlock * depth);

        long keyColumn = (long)(head / HeadsPerKeyHead) * depth;
        for (int p = 0; p < panels; p++)
        {
            int first = firstQuery + (p * lanes);
            float* source = Q + ((span.QueryStart + (long)first) * QueryStride) + ((long)head * depth);
            PackQueries(source, QueryStride, Math.Min(lanes, span.QueryCount - first), lanes, depth, Scale, queries + ((long)p * depth * lanes));
        }

        new Span<float>(output, panels * paddedDepth * lanes).Clear();
        new Span<float>(sum, panels * lanes).Clear();
        new Span<float>(maximum, panels * lanes).Fill(float.NegativeInfinity);

        int lastKey = Causal ? Math.Min(span.KeyCount, firstQuery + (panels * lanes)) : span.KeyCount;
        for (int firstKey = 0; firstKey < lastKey; firstKey += KeyBlock)
        {
            int count = Math.Min(KeyBlock, lastKey - firstKey);
            long row = span.KeyStart + (long)firstKey;
            PackKeys(K + (row * KeyStride) + keyColumn, KeyStride, count, rows, depth, keys);
            PackValues(V + (row * ValueStride) + keyColumn, ValueStride, count, rows, depth, values);
            for (int p = 0; p < panels; p++)
            {
                int first = firstQuery + (p * lanes);
                if (Causal && firstKey >= first + lanes)
                {
                    continue;
                }

                float* panel = queries + ((long)p * depth * lanes);
                for (int key = 0; key < count; key += rows)
                {
                    AttentionTiles.Multiply<TSimd, TVector>(keys + ((long)key * depth), panel, depth, scores + (key * lanes), null);
                }

                if (Causal)
                {
                    HideFutureKeys(scores, lanes, count, firstKey - first);
                }

                Softmax<TSimd, TVector>(scores, count, maximum + (p * lanes), sum + (p * lanes), factor);
                float* target = output + ((long)p * paddedDepth * lanes);
                for (int element = 0; element < depth; element += rows)
                {
                    AttentionTiles.Multiply<TSimd, TVector>(values + ((long)element * count), scores, count, target + ((long)element * lanes), factor);
                }
            }
        }

        for (int p = 0; p < panels; p++)
        {
            int first = firstQuery + (p * lanes);
            float* target = Y + ((span.QueryStart + (long)first) * OutputStride) + ((long)head * depth);
            Unpack(output + ((long)p * paddedDepth * lanes), sum + (p * lanes), Math.Min(lanes, span.QueryCount - first), lanes, depth, target, OutputStride);
        }
    }

    /// <summary>Turns the scores of a block into weights relative to the running maximum, and updates maximum and sum. factor = what older weights shrink by.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Softmax<TSimd, TVector>(float* scores, int count, float* maximum, float* sum, float* factor)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        int lanes = AttentionTiles.Lanes<TSimd, TVector>();
        for (int n = 0; n < lanes; n += TSimd.Width)
        {
            float* column = scores + n;
            TVector before = TSimd.Load(maximum + n);
            TVector top0 = before, top1 = before;
            int key = 0;
            for (; key + 1 < count; key += 2)
            {
                top0 = TSimd.Max(TSimd.Load(column + (key * lanes)), top0);
                top1 = TSimd.Max(TSimd.Load(column + ((key + 1) * lanes)), top1);
            }

            if (key < count)
            {
                top0 = TSimd.Max(TSimd.Load(column + (key * lanes)), top0);
            }

            TVector top = TSimd.Max(top0, top1);
            TVector total0 = TSimd.Broadcast(0f), total1 = total0;
            for (key = 0; key + 1 < count; key += 2)
            {
                float* place = column + (key * lanes);
                TVector w0 = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(place), top));
                TVector w1 = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(place + lanes), top));
                TSimd.Store(place, w0);
                TSimd.Store(place + lanes, w1);
                total0 = TSimd.Add(total0, w0);
                total1 = TSimd.Add(total1, w1);
            }

            if (key < count)
            {
                TVector w = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(column + (key * lanes)), top));
                TSimd.Store(column + (key * lanes), w);
                total0 = TSimd.Add(total0, w);
            }

            TVector shrink = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(before, top));
            TSimd.Store(factor + n, shrink);
            TSimd.Store(maximum + n, top);
            TSimd.Store(sum + n, TSimd.MultiplyAdd(TSimd.Load(sum + n), shrink, TSimd.Add(total0, total1)));
        }
    }

    /// <summary>Row i of the block is key offset + i of the panel's queries: queries before it do not see it.</summary>
    private static void HideFutureKeys(float* scores, int lanes, int count, int offset)
    {
        for (int key = Math.Max(0, 1 - offset); key < count; key++)
        {
            new Span<float>(scores + (key * lanes), Math.Min(lanes, offset + key)).Fill(float.NegativeInfinity);
        }
    }

    /// <summary>[count, depth] to [depth, lanes], scaled; lanes without a query are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackQueries(float* source, long stride, int count, int lanes, int depth, float scale, float* target)
    {
        for (int i = 0; i < lanes; i++)
        {
            float* row = source + (i * stride);
            for (int d = 0; d < depth; d++)
            {
                target[((long)d * lanes) + i] = i < count ? row[d] * scale : 0f;
            }
        }
    }

    /// <summary>[count, depth] to tiles [depth, rows] of consecutive keys; keys beyond the end are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackKeys(float* source, long stride, int count, int rows, int depth, float* target)
    {
        for (int key = 0; key < count; key += rows, target += rows * (long)depth)
        {
            int present = Math.Min(rows, count - key);
            for (int i = 0; i < rows; i++)
            {
                float* row = source + ((key + (long)i) * stride);
                for (int d = 0; d < depth; d++)
                {
                    target[((long)d * rows) + i] = i < present ? row[d] : 0f;
                }
            }
        }
    }

    /// <summary>[count, depth] to tiles [count, rows] of consecutive elements of the head; elements beyond its end are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackValues(float* source, long stride, int count, int rows, int depth, float* target)
    {
        for (int element = 0; element < depth; element += rows)
        {
            int present = Math.Min(rows, depth - element);
            for (int key = 0; key < count; key++, target += rows)
            {
                float* row = source + (key * stride) + element;
                if (present == rows)
                {
                    for (int i = 0; i < rows; i += 4)
                    {
                        Vector128.Load(row + i).Store(target + i);
                    }

                    continue;
                }

                for (int i = 0; i < rows; i++)
                {
                    target[i] = i < present ? row[i] : 0f;
                }
            }
        }
    }

    /// <summary>[depth, lanes] divided by the sums, to [count, depth].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Unpack(float* source, float* sum, int count, int lanes, int depth, float* target, long stride)
    {
        for (int i = 0; i < count; i++)
        {
            float* row = target + (i * stride);
            for (int d = 0; d < depth; d++)
            {
                row[d] = source[((long)d * lanes) + i] / sum[i];
            }
        }
    }
}
