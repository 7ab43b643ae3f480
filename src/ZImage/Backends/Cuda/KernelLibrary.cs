using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>The kernels of a device: built in the background from the start, loaded when first asked for.</summary>
internal sealed class KernelLibrary : IDisposable
{
    private readonly CudaDevice device;
    private readonly KernelBuild build;
    private readonly Dictionary<string, IReadOnlyList<KernelSource>> families = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CudaModuleHandle> modules = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Family, string Entry), LoadedKernel> kernels = [];
    private readonly Dictionary<nint, string> names = [];

    /// <summary>Starts building.</summary>
    /// <param name="device">Its context takes the modules.</param>
    /// <param name="sources">The kernel files.</param>
    /// <param name="cache">Where built ones are kept.</param>
    /// <param name="activationType">BF16 or F32: units for the other type are built only when asked for.</param>
    /// <exception cref="DeviceException">The compiler cannot compile for the device.</exception>
    public KernelLibrary(CudaDevice device, KernelSources sources, KernelCache cache, DType activationType)
    {
        this.device = device;
        Version compiler = NvrtcCompiler.Version();
        Target = KernelTarget.Choose(device.ComputeCapability, NvrtcCompiler.SupportedArchitectures());
        foreach (string family in sources.Families.Where(Target.Takes))
        {
            families.Add(family, sources.Units(family));
        }

        KernelSource[] units = [.. families.Values.SelectMany(family => family)];
        build = new KernelBuild(
            units.Where(unit => unit.IsFor(activationType)),
            units.Where(unit => !unit.IsFor(activationType)),
            Target.Architecture,
            (KernelSource source, out bool fromCache) => cache.Get(source, Target, compiler, path => Compile(source, path, compiler), out fromCache),
            () => cache.Prune(units, Target, compiler, DateTime.UtcNow));
    }

    /// <summary>What the kernels are compiled for.</summary>
    public KernelTarget Target { get; }

    /// <summary>The units that are built, in the order in which they were.</summary>
    public IReadOnlyCollection<KernelLogEntry> Log => build.Log;

    /// <summary>Names of the units that are built without being asked for: all but those for the other activation type.</summary>
    public IReadOnlyList<string> Units => build.Units;

    /// <summary>Waits until these units are built.</summary>
    /// <exception cref="KernelCompilationException">One does not compile.</exception>
    public void WaitAll()
    {
        foreach (string unit in build.Units)
        {
            build.Wait(unit);
        }
    }

    /// <summary>Waits for all units, and builds those that nobody has asked for.</summary>
    /// <exception cref="KernelCompilationException">One does not compile.</exception>
    public void BuildEvery() => Parallel.ForEach(build.AllUnits, unit => build.Wait(unit));

    /// <summary>What the compiler warned of in all units built so far: spills, and wgmma put in sequence. Waits for those that are built without being asked for.</summary>
    public IReadOnlyList<string> Warnings()
    {
        WaitAll();
        return
        [
            .. build.Log.OrderBy(entry => entry.Unit, StringComparer.Ordinal)
                .SelectMany(entry => build.Wait(entry.Unit).Warnings().Select(warning => $"{entry.Unit}: {warning}")),
        ];
    }

    /// <summary>A kernel; waits for its unit, loads it, and opts in to shared memory above 48 KiB.</summary>
    /// <exception cref="ArgumentException">No such family or entry, or more shared memory than the device has.</exception>
    /// <exception cref="KernelCompilationException">The unit does not compile.</exception>
    public CudaKernel Get(string family, string entry, int sharedBytes)
    {
        if (sharedBytes > device.MaxSharedBytes)
        {
            throw new ArgumentException($"{entry} asks for {sharedBytes} bytes of shared memory; {device.Title} has {device.MaxSharedBytes} a block.", nameof(sharedBytes));
        }

        if (!kernels.TryGetValue((family, entry), out LoadedKernel? kernel))
        {
            kernel = new LoadedKernel(Module(UnitOf(family, entry)).GetFunction(entry));
            kernels.Add((family, entry), kernel);
            names.Add(kernel.Function, entry);
        }

        if (sharedBytes > kernel.SharedBytes)
        {
            CudaErrors.Check(
                CudaDriver.cuFuncSetAttribute(kernel.Function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, sharedBytes), device.Title);
            kernel.SharedBytes = sharedBytes;
        }

        return new CudaKernel(kernel.Function);
    }

    /// <summary>Whether a family exists for this device.</summary>
    public bool Has(string family) => families.ContainsKey(family);

    /// <summary>The entry that a function was loaded as.</summary>
    public string NameOf(CudaKernel kernel) => names.GetValueOrDefault(kernel.Function, "a kernel");

    /// <inheritdoc/>
    public void Dispose()
    {
        build.Dispose();
        foreach (CudaModuleHandle module in modules.Values)
        {
            module.Dispose();
        }
    }

    private string UnitOf(string family, string entry) => families.TryGetValue(family, out IReadOnlyList<KernelSource>? units)
        ? KernelSources.UnitOf(units, entry).Name
        : throw new ArgumentException($"There is no kernel family {family} for {Target.Architecture}; there are {string.Join(", ", families.Keys)}.", nameof(family));

    private CudaModuleHandle Module(string unit)
    {
        if (!modules.TryGetValue(unit, out CudaModuleHandle? module))
        {
            module = CudaModuleHandle.Load(device.Context, build.Wait(unit).Code);
            modules.Add(unit, module);
        }

        return module;
    }

    private KernelImage Compile(KernelSource source, string path, Version compiler)
    {
        string[] options = [.. Target.Options, .. source.Definitions, .. KernelTarget.WithoutOwnCache(compiler)];
        try
        {
            (byte[] code, string log) = Target.IsPtx
                ? NvrtcCompiler.CompileToPtx(path, source.Text, source.NamedHeaders(), options)
                : NvrtcCompiler.Compile(path, source.Text, source.NamedHeaders(), options);
            return new KernelImage(code, log);
        }
        catch (NvrtcException exception)
        {
            throw new KernelCompilationException(source.Family, string.Join(' ', options), exception.Log.Length > 0 ? exception.Log : exception.Message, exception);
        }
    }

    private sealed class LoadedKernel(nint function)
    {
        public nint Function { get; } = function;

        /// <summary>Dynamic shared memory that the kernel may be launched with. Static memory counts towards the default limit too, so every kernel that has any states its own.</summary>
        public int SharedBytes { get; set; }
    }
}
