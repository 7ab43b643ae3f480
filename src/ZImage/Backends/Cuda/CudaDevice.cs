using System.Runtime.InteropServices;
using ZImage.Native;

namespace ZImage.Backends.Cuda;

/// <summary>One GPU: what it can do, its primary context, and the one stream that all work goes to.</summary>
internal sealed class CudaDevice : IDisposable
{
    /// <summary>The oldest compute capability with bfloat16 tensor cores and asynchronous copies.</summary>
    public const int MinimumCapability = 80;

    [ThreadStatic]
    private static CudaDevice? s_current;

    private CudaDevice(int ordinal, int handle)
    {
        Ordinal = ordinal;
        Name = NameOf(handle);
        Title = $"cuda:{ordinal} ({Name})";
        ComputeCapability = CapabilityOf(handle);
        Multiprocessors = Attribute(handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
        MaxSharedBytes = Attribute(handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceTotalMem_v2(out nuint total, handle));
        TotalBytes = (long)total;
        Context = ContextHandle.RetainPrimary(handle);
        Bind();
        Stream = StreamHandle.Create(Context, CUstream_flags.CU_STREAM_NON_BLOCKING);
        StreamValue = Stream.Value;
    }

    /// <summary>Number of the device, as the driver counts.</summary>
    public int Ordinal { get; }

    /// <summary>Such as <c>NVIDIA H200</c>.</summary>
    public string Name { get; }

    /// <summary>Such as <c>cuda:0 (NVIDIA H200)</c>.</summary>
    public string Title { get; }

    /// <summary>Compute capability, major times ten plus minor.</summary>
    public int ComputeCapability { get; }

    /// <summary>Number of multiprocessors.</summary>
    public int Multiprocessors { get; }

    /// <summary>Shared memory that a block may opt in to, in bytes.</summary>
    public int MaxSharedBytes { get; }

    /// <summary>Memory of the device in bytes.</summary>
    public long TotalBytes { get; }

    /// <summary>The primary context.</summary>
    public ContextHandle Context { get; }

    /// <summary>The stream.</summary>
    public StreamHandle Stream { get; }

    /// <summary>The raw stream, for the hot path.</summary>
    public nint StreamValue { get; }

    /// <summary>Opens a device.</summary>
    /// <param name="ordinal">Number of the device.</param>
    /// <exception cref="DeviceException">No driver, no such device, or one that is too old.</exception>
    public static CudaDevice Open(int ordinal)
    {
        try
        {
            return new CudaDevice(ordinal, Find(ordinal));
        }
        catch (Exception exception) when (CudaErrors.IsNative(exception))
        {
            throw CudaErrors.Translate(exception, $"cuda:{ordinal}");
        }
    }

    /// <summary>The first device that this engine can use.</summary>
    /// <param name="ordinal">Its number; -1 for none.</param>
    /// <param name="reason">Why a machine that has a driver and a GPU has none that can be used; null otherwise.</param>
    /// <returns>True if there is one.</returns>
    public static bool TryFindUsable(out int ordinal, out string? reason)
    {
        ordinal = -1;
        reason = null;
        if (!NativeLibraryResolver.TryLoad(NativeLibraryResolver.Cuda, out _) || CudaDriver.cuInit(0) != CudaResult.CUDA_SUCCESS
            || CudaDriver.cuDeviceGetCount(out int count) != CudaResult.CUDA_SUCCESS)
        {
            return false;
        }

        for (int i = 0; i < count; i++)
        {
            try
            {
                Find(i);
                ordinal = i;
                return true;
            }
            catch (Exception exception) when (exception is DeviceException || CudaErrors.IsNative(exception))
            {
                reason ??= exception is NativeLibraryNotFoundException missing ? $"{missing.Message}\n{missing.Hint}" : exception.Message;
            }
        }

        return false;
    }

    /// <summary>What the driver says of itself, usable or not.</summary>
    /// <returns>The newest CUDA version that it runs, null without a driver; and the number of devices.</returns>
    public static (Version? Driver, int Count) Probe()
    {
        if (!NativeLibraryResolver.TryLoad(NativeLibraryResolver.Cuda, out _) || CudaDriver.cuDriverGetVersion(out int version) != CudaResult.CUDA_SUCCESS)
        {
            return (null, 0);
        }

        int count = 0;
        bool counted = CudaDriver.cuInit(0) == CudaResult.CUDA_SUCCESS && CudaDriver.cuDeviceGetCount(out count) == CudaResult.CUDA_SUCCESS;
        return (new Version(version / 1000, version % 1000 / 10), counted ? count : 0);
    }

    /// <summary>Makes the context the calling thread's, where it is not: a backend may move between threads.</summary>
    public void Bind()
    {
        if (!ReferenceEquals(s_current, this))
        {
            Context.MakeCurrent();
            s_current = this;
        }
    }

    /// <summary>Gives the context back; what still lives in it keeps it alive.</summary>
    public void Dispose()
    {
        Stream.Dispose();
        Context.Dispose();
    }

    /// <summary>The driver's handle of a device, checked for everything that the engine needs.</summary>
    private static int Find(int ordinal)
    {
        NativeLibraryResolver.Load(NativeLibraryResolver.Cuda);

        // The libraries are hundreds of megabytes: they come in while the driver starts. RequireLibraries waits for them and tells what is missing.
        new Thread(static () => _ = NativeLibraryResolver.TryLoad(NativeLibraryResolver.Nvrtc, out _) && NativeLibraryResolver.TryLoad(NativeLibraryResolver.CublasLt, out _))
        {
            IsBackground = true,
            Name = "zimage libraries",
        }.Start();
        CudaResult started = CudaDriver.cuInit(0);
        if (started == CudaResult.CUDA_ERROR_NO_DEVICE)
        {
            throw NoDevice();
        }

        CudaException.ThrowIfFailed(started, "cuInit");
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceGetCount(out int count));
        if (count == 0)
        {
            throw NoDevice();
        }

        if ((uint)ordinal >= (uint)count)
        {
            throw new DeviceException(
                $"There is no device cuda:{ordinal}; there {(count == 1 ? "is" : "are")} {string.Join(", ", Enumerable.Range(0, count).Select(Describe))}.",
                "Name one of these, or use auto.");
        }

        CudaException.ThrowIfFailed(CudaDriver.cuDeviceGet(out int handle, ordinal));
        int capability = CapabilityOf(handle);
        if (capability < MinimumCapability)
        {
            throw new DeviceException(
                $"{Describe(ordinal)} has compute capability {capability / 10}.{capability % 10}; 8.0 (Ampere, 2020) is the least that is supported.",
                "Use a newer GPU, or --device cpu.");
        }

        RequireLibraries();
        return handle;
    }

    private static void RequireLibraries()
    {
        NativeLibraryResolver.Load(NativeLibraryResolver.Nvrtc);
        NativeLibraryResolver.Load(NativeLibraryResolver.CublasLt);
        CudaException.ThrowIfFailed(CudaDriver.cuDriverGetVersion(out int driver));
        Version compiler = NvrtcCompiler.Version();
        if (driver / 1000 < compiler.Major)
        {
            throw new DeviceException(
                $"The driver runs programs up to CUDA {driver / 1000}.{driver % 1000 / 10}, and the run-time compiler found is of CUDA {compiler} ({NativeLibraryResolver.LoadedPath(NativeLibraryResolver.Nvrtc)}).",
                $"Update the NVIDIA driver, or set ZIMAGE_CUDA_DIR to the libraries of a CUDA {driver / 1000} toolkit.");
        }
    }

    private static DeviceException NoDevice() => new(
        "The NVIDIA driver is there and finds no GPU.",
        "Check `nvidia-smi` and CUDA_VISIBLE_DEVICES; in a container, pass the GPUs through (--gpus all). Or use --device cpu.");

    private static string Describe(int ordinal) =>
        CudaDriver.cuDeviceGet(out int handle, ordinal) == CudaResult.CUDA_SUCCESS ? $"cuda:{ordinal} ({NameOf(handle)})" : $"cuda:{ordinal}";

    private static int CapabilityOf(int handle) =>
        (10 * Attribute(handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR))
        + Attribute(handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);

    private static int Attribute(int handle, CUdevice_attribute attribute)
    {
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceGetAttribute(out int value, attribute, handle));
        return value;
    }

    private static unsafe string NameOf(int handle)
    {
        const int Length = 128;
        byte* name = stackalloc byte[Length];
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceGetName(name, Length, handle));
        return Marshal.PtrToStringUTF8((nint)name) ?? "";
    }
}
