using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>
/// NVIDIA GPUs: hand-written kernels (<c>kernels/*.cu</c>, compiled at run time) and cuBLASLt for the matrix products. One operator family a file,
/// <c>CudaBackend.&lt;Family&gt;.cs</c>, beside its kernel file of the same name.
/// </summary>
/// <remarks>Settings by environment: ZIMAGE_CACHE, ZIMAGE_KERNEL_DIR, ZIMAGE_CUDA_DIR name folders; ZIMAGE_SYNC=1 checks every launch where it happens;
/// ZIMAGE_GRAPHS=0 and ZIMAGE_AUTOTUNE=0 switch recordings and the choice of algorithms off.</remarks>
public sealed partial class CudaBackend : IBackend
{
    private static readonly bool s_synchronous = Environment.GetEnvironmentVariable("ZIMAGE_SYNC") == "1";

    private readonly CudaDevice device;
    private readonly DeviceMemory memory;
    private readonly KernelLibrary kernels;
    private readonly GemmEngine gemm;
    private readonly StagingBuffer staging;
    private readonly List<TensorStorage> outgrown = [];
    private TensorStorage? scratch;
    private bool disposed;

    /// <summary>Opens a device and starts to build the kernels in the background.</summary>
    /// <param name="device">Ordinal of the device.</param>
    /// <param name="activationType">BF16, or F32 for comparisons.</param>
    /// <param name="memoryLimit">Bytes of device memory that the backend may hold; null for all that is free.</param>
    /// <exception cref="DeviceException">The device is absent or cannot be used.</exception>
    /// <exception cref="DeviceMemoryException">Not even the backend itself fits.</exception>
    public CudaBackend(int device = 0, DType activationType = DType.BF16, long? memoryLimit = null)
    {
        if (activationType is not (DType.BF16 or DType.F32))
        {
            throw new ArgumentException($"Activations on a GPU are BF16 or F32, not {activationType}.", nameof(activationType));
        }

        ActivationType = activationType;
        this.device = CudaDevice.Open(device);
        string? cache = CacheFolder.OfProcess();
        try
        {
            kernels = new KernelLibrary(this.device, KernelSources.OfProcess(), new KernelCache(cache is null ? null : Path.Combine(cache, "kernels")), activationType);
            memory = new DeviceMemory(this.device, memoryLimit);
            gemm = new GemmEngine(this.device, memory, cache is null ? null : Path.Combine(cache, "gemm"));
            staging = new StagingBuffer(this.device);
            arena = ownWeights = new WeightArena(memory, FlushQuietly);
            passed = [NewMark(), NewMark()];
        }
        catch (Exception exception)
        {
            gemm?.Dispose();
            kernels?.Dispose();
            this.device.Dispose();
            if (CudaErrors.IsNative(exception))
            {
                throw CudaErrors.Translate(exception, this.device.Title);
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => "cuda";

    /// <inheritdoc/>
    public string DeviceName => device.Title;

    /// <inheritdoc/>
    public bool IsAsynchronous => true;

    /// <inheritdoc/>
    public DType ActivationType { get; }

    /// <inheritdoc/>
    public long FreeBytes => memory.FreeBytes;

    /// <summary>The device.</summary>
    internal CudaDevice Device => device;

    /// <summary>The account of device memory.</summary>
    internal DeviceMemory Memory => memory;

    /// <summary>The kernels.</summary>
    internal KernelLibrary Kernels => kernels;

    /// <summary>The matrix products.</summary>
    internal GemmEngine Gemm => gemm;

    /// <summary>Multiprocessors of the device.</summary>
    internal int Multiprocessors => device.Multiprocessors;

    /// <summary>Compute capability, major times ten plus minor: 80, 86, 89, 90, 100, 120.</summary>
    internal int ComputeCapability => device.ComputeCapability;

    /// <summary>Shared memory that a block may opt in to, in bytes.</summary>
    internal int MaxSharedBytes => device.MaxSharedBytes;

    /// <summary>The stream that all operators go to (a CUstream).</summary>
    internal nint Stream => device.StreamValue;

    /// <summary>Sees every launch; null for nobody.</summary>
    internal IKernelObserver? Observer { get; set; }

    /// <inheritdoc/>
    public TensorStorage Allocate(long bytes) => memory.Allocate(bytes);

    /// <inheritdoc/>
    public void Synchronize()
    {
        device.Bind();
        uploads?.Flush();
        CudaErrors.Check(CudaDriver.cuStreamSynchronize(device.StreamValue), device.Title);
        gemm.Save();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        device.Bind();
        uploads?.Dispose();
        _ = CudaDriver.cuStreamSynchronize(device.StreamValue);
        foreach (EventHandle mark in passed)
        {
            mark.Dispose();
        }

        ownWeights.Dispose();
        ReleaseOutgrown();
        scratch?.Dispose();
        staging.Dispose();
        gemm.Dispose();
        kernels.Dispose();
        device.Dispose();
    }

    /// <summary>The kernel <paramref name="entry"/> of <c>kernels/&lt;family&gt;.cu</c>; dynamic shared memory above 48 KB is opted in to here.</summary>
    /// <param name="family">File name without extension.</param>
    /// <param name="entry">Unmangled name.</param>
    /// <param name="sharedBytes">The most dynamic shared memory it will be launched with.</param>
    internal CudaKernel Kernel(string family, string entry, int sharedBytes = 0)
    {
        device.Bind();
        try
        {
            return kernels.Get(family, entry, sharedBytes);
        }
        catch (Exception exception) when (CudaErrors.IsNative(exception))
        {
            throw CudaErrors.Translate(exception, device.Title, $"kernel {entry}");
        }
    }

    /// <summary>Launches a kernel on the backend's stream: no allocation, no synchronisation.</summary>
    /// <param name="kernel">From <see cref="Kernel"/>.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="threads">Threads per block, along x.</param>
    /// <param name="sharedBytes">Dynamic shared memory.</param>
    /// <param name="parameters">The one by-value parameter struct, laid out as in the kernel file.</param>
    internal unsafe void Launch<TParams>(CudaKernel kernel, CudaGrid grid, int threads, int sharedBytes, in TParams parameters)
        where TParams : unmanaged
    {
        if (rehearsing)
        {
            return;
        }

        Prepare();
        Observer?.Before(kernels.NameOf(kernel));
        CudaResult result;
        fixed (TParams* pointer = &parameters)
        {
            void* argument = pointer;
            result = CudaDriver.cuLaunchKernel(
                kernel.Function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)threads, 1, 1, (uint)sharedBytes, device.StreamValue, &argument, null);
        }

        if (result != CudaResult.CUDA_SUCCESS)
        {
            CudaErrors.Throw(result, device.Title, $"launch of {kernels.NameOf(kernel)} with {grid.X}x{grid.Y}x{grid.Z} blocks of {threads} threads, {sharedBytes} bytes of shared memory,");
        }

        Observer?.After(kernels.NameOf(kernel));
        if (s_synchronous)
        {
            CheckAfterLaunch(kernels.NameOf(kernel));
        }
    }

    /// <summary>
    /// Device memory for the inside of one operator: what an operator leaves there the next one overwrites. Its address stays as long as nobody asks
    /// for more, and recordings keep the address that they were made with.
    /// </summary>
    /// <param name="bytes">The least size.</param>
    /// <returns>Device address, aligned to 256 bytes.</returns>
    internal nint Scratch(long bytes)
    {
        if (scratch is null || scratch.Bytes < bytes)
        {
            TensorStorage larger = memory.Allocate(bytes);
            if (scratch is not null)
            {
                outgrown.Add(scratch);
            }

            scratch = larger;
            if (graphs == 0 && !recording)
            {
                ReleaseOutgrown();
            }
        }

        return scratch.Address;
    }

    /// <summary>What every operator does first: this thread has the context, and weights on their way have arrived.</summary>
    private void Prepare()
    {
        device.Bind();
        if (uploads is { IsIdle: false })
        {
            uploads.Flush();
        }
    }

    /// <summary>With ZIMAGE_SYNC=1, waits for the device, so that a fault is told by the launch that has it.</summary>
    private void CheckAfterLaunch(string what)
    {
        if (s_synchronous && !recording)
        {
            CudaErrors.Check(CudaDriver.cuStreamSynchronize(device.StreamValue), device.Title, $"running {what}");
        }
    }

    private void ReleaseOutgrown()
    {
        foreach (TensorStorage storage in outgrown)
        {
            storage.Dispose();
        }

        outgrown.Clear();
    }
}
