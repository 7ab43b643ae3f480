namespace ZImage.Tensors;

/// <summary>
/// Sees every named intermediate of the models. Names are PyTorch module paths, such as <c>layers.0.attention.to_q</c>.
/// Golden tests, tensor dumps and the search for non-finite values hang on it.
/// </summary>
public interface ITensorProbe
{
    /// <summary>Whether <see cref="Record"/> does anything; model code skips work done for the probe alone when it is false.</summary>
    bool IsActive { get; }

    /// <summary>Called after the step that computed <paramref name="tensor"/>; the memory is reused once the call returns.</summary>
    /// <param name="name">Module path within the part (text encoder, transformer, VAE).</param>
    /// <param name="tensor">The values, on the backend's device; rows may have gaps.</param>
    void Record(string name, Tensor tensor);
}

/// <summary>The probe that does nothing: the default.</summary>
public sealed class NullProbe : ITensorProbe
{
    private NullProbe()
    {
    }

    /// <summary>The one instance.</summary>
    public static NullProbe Instance { get; } = new();

    /// <inheritdoc/>
    public bool IsActive => false;

    /// <inheritdoc/>
    public void Record(string name, Tensor tensor)
    {
    }
}
