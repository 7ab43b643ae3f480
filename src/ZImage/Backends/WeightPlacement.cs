using ZImage.Tensors;

namespace ZImage.Backends;

/// <summary>The owner of some placed weights: disposing it frees their memory.</summary>
internal sealed class WeightPlacement : IDisposable
{
    private readonly List<TensorStorage> storages = [];

    /// <summary>Bytes held.</summary>
    public long Bytes { get; private set; }

    /// <summary>Takes over <paramref name="storage"/>.</summary>
    public TensorStorage Own(TensorStorage storage)
    {
        storages.Add(storage);
        Bytes += storage.Bytes;
        return storage;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TensorStorage storage in storages)
        {
            storage.Dispose();
        }

        storages.Clear();
        Bytes = 0;
    }
}
