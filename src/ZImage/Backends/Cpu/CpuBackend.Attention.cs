using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    // Packed queries and running output of an iteration: what a core's second-level cache holds beside the block of keys and values.
    private const int AttentionStateFloats = 160 * 1024;

    /// <inheritdoc/>
    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans)
    {
        OperatorChecks.Attention(ActivationType, q, k, v, y, heads, spans);
        long queries = 0;
        foreach (AttentionSpan span in spans)
        {
            queries += span.QueryCount;
        }

        if (queries == 0)
        {
            return;
        }

        // Blocks of queries as large as the cache allows, because each packs all its keys anew, but enough of them for all threads.
        // The results do not depend on this choice.
        int lanes = AttentionLoop.Lanes(Vectors);
        int byCache = AttentionStateFloats / (2 * heads.HeadDim * lanes);
        long byThreads = queries * heads.Heads / (lanes * 4L * Threads);
        int panels = (int)Math.Max(1, Math.Min(byCache, byThreads));

        scratch.Reserve(AttentionLoop.ScratchFloats(heads.HeadDim, lanes, panels));
        fixed (AttentionSpan* spanPointer = spans)
        {
            AttentionLoop loop = new()
            {
                Q = q.Pointer<float>(),
                K = k.Pointer<float>(),
                V = v.Pointer<float>(),
                Y = y.Pointer<float>(),
                QueryStride = q.RowStride,
                KeyStride = k.RowStride,
                ValueStride = v.RowStride,
                OutputStride = y.RowStride,
                HeadDim = heads.HeadDim,
                Heads = heads.Heads,
                HeadsPerKeyHead = heads.Heads / heads.KeyHeads,
                Causal = heads.Causal,
                Scale = (float)(1 / Math.Sqrt(heads.HeadDim)),
                Spans = spanPointer,
                PanelsPerBlock = panels,
                Level = Vectors,
                Scratch = scratch,
            };
            int iterations = 0;
            foreach (AttentionSpan span in spans)
            {
                iterations += loop.BlocksOf(span.QueryCount) * heads.Heads;
            }

            pool.For(iterations, ref loop);
        }
        KeepAlive(q, k, v, y);
    }
}
