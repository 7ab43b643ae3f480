using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>
/// The owner of a part's weights. Small ones share blocks; large ones have their own, because the driver hands out memory in pages of 2 MiB and
/// blocks that were shared by large ones would waste far more at their ends.
/// </summary>
/// <param name="memory">Where the blocks come from.</param>
/// <param name="beforeRelease">Called before anything is freed: copies into it may be under way.</param>
internal sealed class WeightArena(DeviceMemory memory, Action beforeRelease) : IDisposable
{
    private const long BlockBytes = 16L << 20;
    private const long OwnBlockBytes = 8L << 20;
    private const long Alignment = 256;

    private readonly List<DeviceStorage> blocks = [];
    private readonly List<(DeviceStorage Block, long Used)> open = [];

    /// <summary>Bytes of all blocks.</summary>
    public long Bytes => blocks.Sum(block => block.Bytes);

    /// <summary>Memory for one weight, aligned to 256 bytes.</summary>
    /// <exception cref="DeviceMemoryException">The device has not that much.</exception>
    public (TensorStorage Block, long Offset) Take(long bytes)
    {
        if (bytes >= OwnBlockBytes)
        {
            DeviceStorage own = memory.Allocate(bytes);
            blocks.Add(own);
            return (own, 0);
        }

        for (int i = 0; i < open.Count; i++)
        {
            (DeviceStorage block, long used) = open[i];
            if (used + bytes <= block.Bytes)
            {
                open[i] = (block, Align(used + bytes));
                return (block, used);
            }
        }

        DeviceStorage fresh = memory.Allocate(BlockBytes);
        blocks.Add(fresh);
        open.Add((fresh, Align(bytes)));
        return (fresh, 0);
    }

    /// <summary>Frees everything.</summary>
    public void Dispose()
    {
        if (blocks.Count == 0)
        {
            return;
        }

        beforeRelease();
        foreach (DeviceStorage block in blocks)
        {
            block.Dispose();
        }

        blocks.Clear();
        open.Clear();
    }

    private static long Align(long bytes) => (bytes + Alignment - 1) & ~(Alignment - 1);
}
