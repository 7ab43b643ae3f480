namespace ZImage.Backends;

/// <summary>Which elements of a head vector rotary embedding turns together.</summary>
public enum RopeLayout
{
    /// <summary>Elements 2i and 2i + 1 (S3-DiT).</summary>
    Interleaved,

    /// <summary>Elements i and i + head_dim / 2 (Qwen3).</summary>
    HalfSplit,
}

/// <summary>
/// One batch item of a ragged batch: the rows that ask and the rows that answer. Items never see each other; that is the whole batch mask.
/// </summary>
/// <param name="QueryStart">First query row.</param>
/// <param name="QueryCount">Number of query rows.</param>
/// <param name="KeyStart">First key and value row.</param>
/// <param name="KeyCount">Number of key and value rows.</param>
public readonly record struct AttentionSpan(int QueryStart, int QueryCount, int KeyStart, int KeyCount)
{
    /// <summary>An item whose rows attend to each other.</summary>
    public AttentionSpan(int start, int count)
        : this(start, count, start, count)
    {
    }
}

/// <summary>The heads of an attention.</summary>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyHeads">Key and value heads; divides <paramref name="Heads"/>.</param>
/// <param name="HeadDim">Elements per head.</param>
/// <param name="Causal">Whether query row i of an item sees only its key rows 0..i (query and key counts are then equal).</param>
public readonly record struct AttentionHeads(int Heads, int KeyHeads, int HeadDim, bool Causal);

/// <summary>Work that runs again and again; see <see cref="IBackend.Record"/>.</summary>
public interface IRecordedWork : IDisposable
{
    /// <summary>Runs it once.</summary>
    void Replay();
}

/// <summary>How a convolution walks over its input.</summary>
public enum ConvMode
{
    /// <summary>Stride 1, the border padded by kernel / 2 zeros on every side.</summary>
    Same,

    /// <summary>Nearest-neighbour enlargement by 2, then <see cref="Same"/>.</summary>
    Upsample2,

    /// <summary>One zero row below and one zero column to the right, then stride 2 without padding.</summary>
    Downsample2,
}
