using ZImage.Backends;
using ZImage.Weights;

namespace ZImage.Generation;

/// <summary>
/// A part of the checkpoint and where it is: on the device, or only in its files. The names and shapes of its tensors are checked once, when the
/// part is opened; placing it again needs no check.
/// </summary>
internal sealed class ModelPart<T> : IDisposable
    where T : class
{
    private readonly IBackend backend;
    private readonly PartWeights weights;
    private readonly Func<WeightLoader, T> build;
    private IDisposable? placement;
    private T? model;

    /// <summary>Checks the part's tensors.</summary>
    /// <param name="weights">The part's files; owned from here on.</param>
    /// <param name="backend">Where the part goes.</param>
    /// <param name="allowUnknown">Whether unknown tensors are warnings.</param>
    /// <param name="warnings">Receives them.</param>
    /// <param name="build">The model's constructor.</param>
    /// <exception cref="ModelFormatException">Tensors are missing, misshapen or unknown.</exception>
    public ModelPart(PartWeights weights, IBackend backend, bool allowUnknown, List<string> warnings, Func<WeightLoader, T> build)
    {
        this.weights = weights;
        this.backend = backend;
        this.build = build;
        try
        {
            WeightReader reader = weights.CreateReader();
            build(new WeightLoader(reader, null));
            warnings.AddRange(reader.Finish(allowUnknown).Select(name => $"The model does not know the tensor {name}; it is ignored."));
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Whether the part is on the device.</summary>
    public bool IsResident => model is not null;

    /// <summary>Bytes that the part's tensors take in their stored types.</summary>
    public long Bytes => weights.Tensors.Values.Sum(tensor => tensor.View.IsEmpty ? 0 : tensor.View.Bytes);

    /// <summary>The part's tensors in its files.</summary>
    public PartWeights Weights => weights;

    /// <summary>The model, placed on the device if it is not there.</summary>
    /// <exception cref="ZImageException">The device has not enough memory.</exception>
    public T Model => model ?? Place();

    /// <summary>Takes the part off the device; its next use places it again.</summary>
    public void Release()
    {
        model = null;
        placement?.Dispose();
        placement = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        weights.Dispose();
    }

    private T Place()
    {
        placement = backend.BeginPlacement();
        try
        {
            T placed = build(new WeightLoader(weights.CreateReader(), backend));

            // Copies to a device may still be under way, and they read the files.
            backend.Synchronize();
            model = placed;
            return placed;
        }
        catch
        {
            Release();
            throw;
        }
    }
}
