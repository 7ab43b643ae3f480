namespace ZImage.Backends.Cuda;

/// <summary>What kernels are compiled for.</summary>
/// <param name="Architecture">As the compiler names it: <c>sm_90a</c>, or <c>compute_120</c> for an intermediate form that the driver finishes.</param>
/// <param name="IsPtx">Whether the result is that intermediate form.</param>
internal sealed record KernelTarget(string Architecture, bool IsPtx)
{
    // These have instructions that only their own machine code may use: wgmma, tcgen05.
    private static readonly int[] ArchitectureSpecific = [90, 100];

    /// <summary>The best that a compiler can do for a device.</summary>
    /// <param name="capability">Compute capability, major times ten plus minor.</param>
    /// <param name="supported">What the compiler compiles for, in the same form.</param>
    /// <exception cref="DeviceException">The compiler knows nothing that runs on the device.</exception>
    public static KernelTarget Choose(int capability, ReadOnlySpan<int> supported)
    {
        int exact = 0, binary = 0, virtualOne = 0;
        foreach (int candidate in supported)
        {
            exact = candidate == capability ? candidate : exact;

            // Machine code runs on later minor versions of its major version, the intermediate form on everything later.
            binary = candidate < capability && candidate / 10 == capability / 10 && candidate > binary ? candidate : binary;
            virtualOne = candidate < capability && candidate > virtualOne ? candidate : virtualOne;
        }

        if (exact != 0)
        {
            return new KernelTarget($"sm_{exact}{(ArchitectureSpecific.AsSpan().Contains(exact) ? "a" : "")}", false);
        }

        if (binary != 0)
        {
            return new KernelTarget($"sm_{binary}", false);
        }

        return virtualOne >= CudaDevice.MinimumCapability
            ? new KernelTarget($"compute_{virtualOne}", true)
            : throw new DeviceException(
                $"The run-time compiler compiles for nothing that runs on compute capability {capability / 10}.{capability % 10}; it knows {string.Join(", ", supported.ToArray())}.",
                "Install a CUDA Toolkit that supports the GPU and set ZIMAGE_CUDA_DIR to its library folder.");
    }

    /// <summary>The compiler's options. Part of the cache's key.</summary>
    public string[] Options => IsPtx
        ? [$"--gpu-architecture={Architecture}", "--std=c++17", "--generate-line-info", "-default-device"]
        : [$"--gpu-architecture={Architecture}", "--std=c++17", "--generate-line-info", "-default-device", "--ptxas-options=-v"];

    /// <summary>
    /// The option that switches the compiler's own cache off, where it has one: what it finds there comes without the report on registers and spills,
    /// and ours keeps what is compiled anyway.
    /// </summary>
    /// <param name="compiler">The compiler's version.</param>
    public static string[] WithoutOwnCache(Version compiler) => compiler >= new Version(12, 9) ? ["--no-cache"] : [];

    /// <summary>Whether a family is for this target: <c>name_sm90</c> is for sm_90a alone.</summary>
    public bool Takes(string family) => !family.EndsWith("_sm90", StringComparison.Ordinal) || Architecture == "sm_90a";
}
