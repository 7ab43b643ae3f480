namespace ZImage.Tensors;

/// <summary>One block of a run whose requests are known: its size, and the requests between which it is held.</summary>
/// <param name="Bytes">Size in bytes.</param>
/// <param name="From">Time at which it is taken.</param>
/// <param name="Until">Time at which it is given back; it is held before that.</param>
internal readonly record struct BlockLifetime(long Bytes, int From, int Until)
{
    /// <summary>Whether both are held at some time.</summary>
    public bool Meets(in BlockLifetime other) => From < other.Until && other.From < Until;
}

/// <summary>Places blocks of known lifetimes in one piece of memory, so that blocks which are never held together share it.</summary>
internal static class BlockPlan
{
    /// <summary>Every block begins at a multiple of this many bytes.</summary>
    public const long Alignment = 256;

    /// <summary>
    /// The largest first, each at the lowest place where it meets nobody. What the largest few need together is a lower bound of any placement, and
    /// this order reaches it where they are much larger than the rest, as the widest maps of a decoder are.
    /// </summary>
    /// <param name="blocks">The blocks.</param>
    /// <returns>First byte of each, and the size of the whole.</returns>
    public static (long[] Offsets, long Bytes) Place(IReadOnlyList<BlockLifetime> blocks)
    {
        long[] offsets = new long[blocks.Count];
        List<int> placed = [];
        long total = 0;
        foreach (int block in Enumerable.Range(0, blocks.Count).OrderByDescending(i => blocks[i].Bytes))
        {
            long offset = 0;
            foreach (int other in placed.Where(other => blocks[block].Meets(blocks[other])).OrderBy(other => offsets[other]))
            {
                if (offsets[other] - offset >= blocks[block].Bytes)
                {
                    break;
                }

                offset = Math.Max(offset, Align(offsets[other] + blocks[other].Bytes));
            }

            offsets[block] = offset;
            placed.Add(block);
            total = Math.Max(total, Align(offset + blocks[block].Bytes));
        }

        return (offsets, total);
    }

    private static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
