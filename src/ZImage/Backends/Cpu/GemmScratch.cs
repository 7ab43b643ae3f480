using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

/// <summary>
/// The memory that products pack into: one block shared by all threads and one for each thread, kept from call to call and grown when a call needs more.
/// </summary>
/// <param name="threads">Threads that take a block of their own at once.</param>
internal sealed unsafe class GemmScratch(int threads) : IDisposable
{
    private readonly HostStorage?[] blocks = new HostStorage?[threads];
    private readonly int[] taken = new int[threads];
    private HostStorage? shared;

    /// <summary>The shared block, at least <paramref name="floats"/> long; contents undefined.</summary>
    public float* Shared(long floats)
    {
        if (shared is null || shared.Bytes < floats * sizeof(float))
        {
            shared?.Dispose();
            shared = null;
            shared = new HostStorage(floats * sizeof(float));
        }

        return (float*)shared.Address;
    }

    /// <summary>Makes every thread's block at least <paramref name="floats"/> long. Called before the threads start.</summary>
    public void Reserve(long floats)
    {
        for (int i = 0; i < blocks.Length; i++)
        {
            if (blocks[i] is not { } block || block.Bytes < floats * sizeof(float))
            {
                blocks[i]?.Dispose();
                blocks[i] = null;
                blocks[i] = new HostStorage(floats * sizeof(float));
            }
        }
    }

    /// <summary>Takes a thread's block for the length of one task.</summary>
    public float* Take(out int slot)
    {
        // There are as many blocks as threads, so one is always free or about to be.
        for (slot = 0; ; slot = slot + 1 == taken.Length ? 0 : slot + 1)
        {
            if (Interlocked.CompareExchange(ref taken[slot], 1, 0) == 0)
            {
                return (float*)blocks[slot]!.Address;
            }
        }
    }

    /// <summary>Gives the block back.</summary>
    public void Release(int slot) => Volatile.Write(ref taken[slot], 0);

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        shared?.Dispose();
        foreach (HostStorage? block in blocks)
        {
            block?.Dispose();
        }
    }
}
