using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

/// <summary>
/// The processor: reference and fallback. Activations are F32; weights stay in their stored type, in the mapped file where they came from,
/// and are widened on the way into a product. One operator a file, <c>CpuBackend.&lt;Operator&gt;.cs</c>.
/// </summary>
public sealed partial class CpuBackend : IBackend
{
    private readonly WorkerPool pool;
    private WeightPlacement placement = new();

    /// <summary>Creates the backend.</summary>
    /// <param name="threads">Threads to compute with; 0 for one per logical processor.</param>
    public CpuBackend(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        pool = new WorkerPool(threads == 0 ? Environment.ProcessorCount : threads);
        scratch = new GemmScratch(pool.Threads);
    }

    /// <inheritdoc/>
    public string Name => "cpu";

    /// <inheritdoc/>
    public bool IsAsynchronous => false;

    /// <inheritdoc/>
    public DType ActivationType => DType.F32;

    /// <summary>Threads that compute.</summary>
    public int Threads => pool.Threads;

    /// <inheritdoc/>
    public TensorStorage Allocate(long bytes) => new HostStorage(bytes);

    /// <inheritdoc/>
    public long FreeBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <inheritdoc/>
    public IDisposable BeginPlacement() => placement = new WeightPlacement();

    /// <inheritdoc/>
    public IRecordedWork Record(Action work) => new DirectWork(work);

    /// <inheritdoc/>
    public int Pace() => 0;

    /// <inheritdoc/>
    public void Synchronize()
    {
        // Every operator has finished when its call returns.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        pool.Dispose();
        scratch.Dispose();
    }

    /// <summary>Ends an operator: addresses do not keep memory alive, and storage has a finalizer that frees it.</summary>
    private static void KeepAlive(params ReadOnlySpan<Tensor> tensors)
    {
        foreach (Tensor tensor in tensors)
        {
            GC.KeepAlive(tensor.IsEmpty ? null : tensor.Storage);
        }
    }

    private sealed class DirectWork(Action work) : IRecordedWork
    {
        public void Replay() => work();

        public void Dispose()
        {
        }
    }
}
