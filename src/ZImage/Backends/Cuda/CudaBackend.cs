using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>
/// NVIDIA GPUs: hand-written kernels (<c>kernels/*.cu</c>, compiled at run time) and cuBLASLt for the matrix products. One operator family a file,
/// <c>CudaBackend.&lt;Family&gt;.cs</c>, beside its kernel file of the same name.
/// </summary>
public sealed partial class CudaBackend : IBackend
{
    /// <summary>Creates the backend on a device.</summary>
    /// <param name="device">Ordinal of the device.</param>
    /// <param name="activationType">BF16, or F32 for comparisons.</param>
    public CudaBackend(int device = 0, DType activationType = DType.BF16)
    {
        ActivationType = activationType;
        throw new DeviceException($"Device {device}: the CUDA backend is not complete.", "Use --device cpu.");
    }

    /// <inheritdoc/>
    public string Name => "cuda";

    /// <inheritdoc/>
    public DType ActivationType { get; }

    /// <summary>Multiprocessors of the device.</summary>
    internal int Multiprocessors { get; }

    /// <summary>Compute capability, major times ten plus minor: 80, 86, 89, 90, 100, 120.</summary>
    internal int ComputeCapability { get; }

    /// <summary>Shared memory that a block may opt in to, in bytes.</summary>
    internal int MaxSharedBytes { get; }

    /// <inheritdoc/>
    public TensorStorage Allocate(long bytes) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Synchronize() => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotImplementedException();

    /// <summary>The kernel <paramref name="entry"/> of <c>kernels/&lt;family&gt;.cu</c>; dynamic shared memory above 48 KB is opted in to here.</summary>
    /// <param name="family">File name without extension.</param>
    /// <param name="entry">Unmangled name.</param>
    /// <param name="sharedBytes">The most dynamic shared memory it will be launched with.</param>
    internal CudaKernel Kernel(string family, string entry, int sharedBytes = 0) => throw new NotImplementedException();

    /// <summary>Launches a kernel on the backend's stream: no allocation, no synchronisation.</summary>
    /// <param name="kernel">From <see cref="Kernel"/>.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="threads">Threads per block, along x.</param>
    /// <param name="sharedBytes">Dynamic shared memory.</param>
    /// <param name="parameters">The one by-value parameter struct, laid out as in the kernel file.</param>
    internal void Launch<TParams>(CudaKernel kernel, CudaGrid grid, int threads, int sharedBytes, in TParams parameters)
        where TParams : unmanaged => throw new NotImplementedException();
}
