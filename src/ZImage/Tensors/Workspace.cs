using ZImage.Backends;

namespace ZImage.Tensors;

/// <summary>
/// Activation memory of one model run: blocks are rented and returned, and a returned block serves the next request that fits.
/// After the first pass over a fixed sequence of requests nothing is allocated any more. Not thread-safe.
/// </summary>
/// <param name="backend">Where the memory lives.</param>
public sealed class Workspace(IBackend backend) : IDisposable
{
    private readonly List<TensorStorage> all = [];
    private readonly List<TensorStorage> free = [];
    private List<(RehearsedBlock Block, int From, int Until)>? rehearsal;
    private int clock;
    private BlockSlice[] planned = [];
    private int next;
    private int held;

    /// <summary>Bytes held, rented or not.</summary>
    public long Bytes { get; private set; }

    /// <summary>A tensor with undefined contents, valid until <see cref="Return"/> or disposal.</summary>
    public Tensor Rent(DType type, params ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        return new Tensor(Take(shape.Count * type.SizeBytes()), type, shape);
    }

    /// <summary>Gives back the block that <paramref name="tensor"/> (or a view of it) lives in.</summary>
    /// <exception cref="ArgumentException">The block is not rented from here.</exception>
    public void Return(Tensor tensor)
    {
        if (tensor.Storage is RehearsedBlock rehearsed && rehearsal is not null)
        {
            int index = rehearsal.FindIndex(entry => entry.Block == rehearsed);
            rehearsal[index] = rehearsal[index] with { Until = clock++ };
        }
        else if (tensor.Storage is BlockSlice { IsRented: true } slice && planned.Contains(slice))
        {
            slice.IsRented = false;
            held--;
        }
        else if (!all.Contains(tensor.Storage) || free.Contains(tensor.Storage))
        {
            throw new ArgumentException("The tensor is not rented from this workspace.", nameof(tensor));
        }
        else
        {
            free.Add(tensor.Storage);
        }
    }

    /// <summary>
    /// Takes one piece of memory for all requests of <paramref name="run"/>, in which blocks that are never held together share their place. On a
    /// backend that cannot rehearse nothing happens, and blocks come one by one. A run that asks for something else gets that one by one, too.
    /// </summary>
    /// <param name="run">Asks for and gives back the same blocks each time, all of them.</param>
    internal void Plan(Action run)
    {
        rehearsal = [];
        try
        {
            if (!backend.TryRehearse(run))
            {
                return;
            }

            BlockLifetime[] blocks = [.. rehearsal.Select(entry => new BlockLifetime(entry.Block.Bytes, entry.From, entry.Until))];
            (long[] offsets, long bytes) = BlockPlan.Place(blocks);
            TensorStorage whole = backend.Allocate(bytes);
            all.Add(whole);
            Bytes += bytes;
            planned = [.. offsets.Select((offset, i) => new BlockSlice(whole, offset, blocks[i].Bytes))];
            next = 0;
        }
        finally
        {
            rehearsal = null;
        }
    }

    /// <summary>Frees every block.</summary>
    public void Dispose()
    {
        foreach (TensorStorage storage in all)
        {
            storage.Dispose();
        }

        all.Clear();
        free.Clear();
        planned = [];
        Bytes = 0;
    }

    private TensorStorage Take(long bytes)
    {
        if (rehearsal is not null)
        {
            nint after = rehearsal.Count == 0 ? RehearsedBlock.First : rehearsal[^1].Block.After;
            rehearsal.Add((new RehearsedBlock(after, bytes), clock++, int.MaxValue));
            return rehearsal[^1].Block;
        }

        if (next == planned.Length && held == 0)
        {
            next = 0;
        }

        if (next < planned.Length && planned[next].Bytes == bytes)
        {
            planned[next].IsRented = true;
            held++;
            return planned[next++];
        }

        int best = -1;
        for (int i = 0; i < free.Count; i++)
        {
            if (free[i].Bytes >= bytes && (best < 0 || free[i].Bytes < free[best].Bytes))
            {
                best = i;
            }
        }

        if (best >= 0)
        {
            TensorStorage storage = free[best];
            free.RemoveAt(best);
            return storage;
        }

        TensorStorage fresh = backend.Allocate(bytes);
        all.Add(fresh);
        Bytes += fresh.Bytes;
        return fresh;
    }

    /// <summary>Stands for a block while a run is rehearsed: an address that nobody may touch.</summary>
    private sealed class RehearsedBlock(nint address, long bytes) : TensorStorage(address, bytes)
    {
        public static readonly nint First = unchecked((nint)(1L << 46));

        public nint After { get; } = address + (nint)((bytes + 1023) / 1024 * 1024);

        public override bool IsHost => false;

        protected override void Dispose(bool disposing)
        {
        }
    }

    /// <summary>A planned block: a part of the one piece.</summary>
    private sealed class BlockSlice(TensorStorage whole, long offset, long bytes) : TensorStorage(whole.Address + (nint)offset, bytes)
    {
        public bool IsRented { get; set; }

        public override bool IsHost { get; } = whole.IsHost;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
