using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

/// <summary>One block of scratch memory per thread of the worker pool. Blocks only grow, so that nothing is allocated after the largest call.</summary>
/// <param name="slots">Number of blocks: as many threads as can work at once.</param>
internal sealed class ScratchPool(int slots) : IDisposable
{
    private readonly HostStorage?[] blocks = new HostStorage?[slots];
    private readonly int[] taken = new int[slots];

    /// <summary>Makes every block at least <paramref name="bytes"/> large. Not while a loop runs.</summary>
    public void Reserve(long bytes)
    {
        for (int i = 0; i < blocks.Length; i++)
        {
            if (blocks[i] is null || blocks[i]!.Bytes < bytes)
            {
                blocks[i]?.Dispose();
                blocks[i] = null;
                blocks[i] = new HostStorage(bytes);
            }
        }
    }

    /// <summary>Takes a free block; give its number back to <see cref="Return"/>.</summary>
    public int Rent(out nint address)
    {
        for (int i = 0; ; i = (i + 1) % taken.Length)
        {
            if (Interlocked.CompareExchange(ref taken[i], 1, 0) == 0)
            {
                address = blocks[i]!.Address;
                return i;
            }
        }
    }

    /// <summary>Frees a block.</summary>
    public void Return(int slot) => Volatile.Write(ref taken[slot], 0);

    /// <summary>Releases the memory.</summary>
    public void Dispose()
    {
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i]?.Dispose();
            blocks[i] = null;
        }
    }
}
