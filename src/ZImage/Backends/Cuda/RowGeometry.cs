namespace ZImage.Backends.Cuda;

/// <summary>Launch of a kernel that works on rows, as <c>common/groups.cuh</c> takes it.</summary>
/// <param name="Groups">Groups of eight elements that a thread holds: 2 or 4; 0 where the row is too long to hold, or not made of groups.</param>
/// <param name="RowThreads">Threads of a row: 32, or all threads of the block.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="Blocks">Blocks.</param>
internal readonly record struct RowGeometry(int Groups, int RowThreads, int Threads, int Blocks)
{
    /// <summary>Elements of a group.</summary>
    public const int Group = 8;

    private const int Warp = 32;
    private const int RowsOfWarps = 4;
    private const int MostThreads = 512;

    /// <summary>Chooses the launch.</summary>
    /// <param name="rows">Number of rows, above 0.</param>
    /// <param name="width">Length of a row, above 0.</param>
    /// <param name="perThread">Groups a thread of the kernel that holds a row: 2 or 4.</param>
    /// <param name="vector">Whether rows are whole groups and every address is 16-byte aligned.</param>
    public static RowGeometry Choose(int rows, int width, int perThread, bool vector)
    {
        int groups = CeilDiv(width, Group);
        if (!vector || groups > MostThreads * perThread)
        {
            return new RowGeometry(0, MostThreads, MostThreads, rows);
        }

        int rowThreads = CeilDiv(CeilDiv(groups, perThread), Warp) * Warp;
        return rowThreads == Warp
            ? new RowGeometry(perThread, Warp, Warp * RowsOfWarps, CeilDiv(rows, RowsOfWarps))
            : new RowGeometry(perThread, rowThreads, rowThreads, rows);
    }

    /// <summary>a / b, rounded up.</summary>
    public static int CeilDiv(int a, int b) => (int)(((long)a + b - 1) / b);

    /// <summary>a / b, rounded up, as a number of blocks.</summary>
    /// <exception cref="ArgumentException">More blocks than a launch can have.</exception>
    public static int BlocksFor(long a, int b)
    {
        long blocks = (a + b - 1) / b;
        return blocks <= int.MaxValue ? (int)blocks : throw new ArgumentException($"{a} elements are more than one launch can take.", nameof(a));
    }
}
