using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>How groupnorm.cu is launched.</summary>
/// <param name="Vectors">Whether the kernels with 16-byte vectors are taken.</param>
/// <param name="Threads">Threads of a block of the statistics and of the normalisation.</param>
/// <param name="SharedBytes">Dynamic shared memory of the statistics.</param>
/// <param name="ChunkRows">Pixels of a block of the statistics.</param>
/// <param name="Chunks">Blocks of the statistics, for each picture.</param>
/// <param name="ApplyRows">Pixels of a block of the normalisation.</param>
/// <param name="ApplyBlocks">Blocks of the normalisation, for each picture.</param>
internal readonly record struct GroupNormPlan(bool Vectors, int Threads, int SharedBytes, int ChunkRows, int Chunks, int ApplyRows, int ApplyBlocks)
{
    /// <summary>Most threads of a block, each of which has one column of vectors.</summary>
    public const int MaxThreads = 1024;

    /// <summary>The launch for maps of <paramref name="pixels"/> pixels.</summary>
    /// <param name="type">F32 or BF16.</param>
    /// <param name="pixels">Pixels of a picture.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="aligned">Whether the maps start at multiples of 16 bytes.</param>
    /// <param name="multiprocessors">Of the device.</param>
    /// <exception cref="ArgumentException">More channels than the kernels take.</exception>
    public static GroupNormPlan Create(DType type, long pixels, int channels, bool aligned, int multiprocessors)
    {
        int vector = 16 / type.SizeBytes();
        bool vectors = aligned && channels % vector == 0;
        vector = vectors ? vector : 1;
        int columns = channels / vector;
        if (columns > MaxThreads)
        {
            throw new ArgumentException($"Group norm over {channels} channels: the CUDA backend takes up to {MaxThreads * vector} of them.", nameof(channels));
        }

        int threads = columns <= 256 ? 256 : columns <= 512 ? 512 : MaxThreads;
        int lanes = threads / columns;

        // Four blocks of statistics fill a multiprocessor: one wave of the longest runs. The normalisation wants many short ones.
        int chunkRows = Rows(pixels, 4 * multiprocessors, lanes, 8);
        int applyRows = Rows(pixels, 32 * multiprocessors, lanes, 4);
        return new(
            vectors, threads, SharedMost(vector, threads), chunkRows, ConvPlan.Ceiling(pixels, chunkRows), applyRows, ConvPlan.Ceiling(pixels, applyRows));
    }

    /// <summary>Dynamic shared memory of the statistics: mean and squares for each element that a row of threads holds.</summary>
    public static int SharedMost(int vector, int threads) => threads * vector * 2 * sizeof(float);

    private static int Rows(long pixels, int blocks, int lanes, int least) =>
        Math.Max(ConvPlan.Ceiling(ConvPlan.Ceiling(pixels, blocks), lanes), least) * lanes;
}
