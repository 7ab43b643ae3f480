namespace ZImage.Backends.Cuda;

/// <summary>Sees every launch of a kernel and every matrix product, on the backend's thread, in order. While there is one, nothing is replayed from a recording.</summary>
internal interface IKernelObserver
{
    /// <summary>Before a launch.</summary>
    /// <param name="name">The kernel's entry, or the product's shape.</param>
    void Before(string name);

    /// <summary>After a launch; the device has not run it yet.</summary>
    /// <param name="name">As in <see cref="Before"/>.</param>
    void After(string name);
}
