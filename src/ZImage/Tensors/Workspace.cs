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

    /// <summary>Bytes held, rented or not.</summary>
    public long Bytes { get; private set; }

    /// <summary>A tensor with undefined contents, valid until <see cref="Return"/> or disposal.</summary>
    public Tensor Rent(DType type, params ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        long bytes = shape.Count * type.SizeBytes();
        int best = -1;
        for (int i = 0; i < free.Count; i++)
        {
            if (free[i].Bytes >= bytes && (best < 0 || free[i].Bytes < free[best].Bytes))
            {
                best = i;
            }
        }

        TensorStorage storage;
        if (best >= 0)
        {
            storage = free[best];
            free.RemoveAt(best);
        }
        else
        {
            storage = backend.Allocate(bytes);
            all.Add(storage);
            Bytes += storage.Bytes;
        }

        return new Tensor(storage, type, shape);
    }

    /// <summary>Gives back the block that <paramref name="tensor"/> (or a view of it) lives in.</summary>
    /// <exception cref="ArgumentException">The block is not rented from here.</exception>
    public void Return(Tensor tensor)
    {
        if (!all.Contains(tensor.Storage) || free.Contains(tensor.Storage))
        {
            throw new ArgumentException("The tensor is not rented from this workspace.", nameof(tensor));
        }

        free.Add(tensor.Storage);
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
        Bytes = 0;
    }
}
