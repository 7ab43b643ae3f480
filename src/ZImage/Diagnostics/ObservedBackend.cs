using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Diagnostics;

internal sealed partial class ObservedBackend
{
    /// <inheritdoc/>
    public string Name => inner.Name;

    /// <inheritdoc/>
    public string DeviceName => inner.DeviceName;

    /// <inheritdoc/>
    public bool IsAsynchronous => inner.IsAsynchronous;

    /// <inheritdoc/>
    public DType ActivationType => inner.ActivationType;

    /// <inheritdoc/>
    public long FreeBytes => inner.FreeBytes;

    /// <inheritdoc/>
    public TensorStorage Allocate(long bytes) => inner.Allocate(bytes);

    /// <inheritdoc/>
    public IDisposable BeginPlacement() => inner.BeginPlacement();

    /// <inheritdoc/>
    public Tensor PlaceVector(Tensor host) => inner.PlaceVector(host);

    /// <inheritdoc/>
    public Tensor PlaceTable(Tensor host) => inner.PlaceTable(host);

    /// <inheritdoc/>
    public LinearWeight PlaceLinear(ReadOnlySpan<Tensor> parts, Tensor bias = default) => inner.PlaceLinear(parts, bias);

    /// <inheritdoc/>
    public ConvWeight PlaceConv(Tensor weight, Tensor bias) => inner.PlaceConv(weight, bias);

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<float> source, Tensor destination) => inner.Upload(source, destination);

    /// <inheritdoc/>
    public void Download(Tensor source, Span<float> destination) => inner.Download(source, destination);

    /// <inheritdoc/>
    public void Synchronize() => inner.Synchronize();

    /// <inheritdoc/>
    public bool IsFinite(Tensor x) => inner.IsFinite(x);

    /// <inheritdoc/>
    /// <remarks>A replay would pass the observer by, so the work runs each time.</remarks>
    public IRecordedWork Record(Action work) => new DirectWork(work);

    /// <inheritdoc/>
    public int Pace() => inner.Pace();

    /// <inheritdoc/>
    public void BeginRange(string name) => inner.BeginRange(name);

    /// <inheritdoc/>
    public void EndRange() => inner.EndRange();

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    private sealed class DirectWork(Action work) : IRecordedWork
    {
        public void Replay() => work();

        public void Dispose()
        {
        }
    }
}
