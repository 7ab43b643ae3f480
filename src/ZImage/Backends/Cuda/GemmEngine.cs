using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Matrix products by cuBLASLt: one plan for each shape, with the algorithm that was fastest here.</summary>
internal sealed class GemmEngine : IDisposable
{
    /// <summary>Workspace that every product may use, in bytes.</summary>
    public const long WorkspaceBytes = 64L << 20;

    // Below this the library's first proposal was as good as any (H200, 2026-11-23), and trying takes 20 ms a shape: products of the text encoder,
    // whose number of rows changes with every prompt, stay below it.
    private const double TuneFrom = 3e10;

    private readonly CudaDevice device;
    private readonly CublasLtHandle library;
    private readonly nint handle;
    private readonly GemmTuner tuner;
    private readonly GemmCache cache;
    private readonly TensorStorage workspace;
    private readonly Dictionary<GemmShape, GemmPlan> plans = [];

    /// <summary>Opens the library.</summary>
    /// <param name="device">The device; its context is current.</param>
    /// <param name="memory">Where the workspace comes from.</param>
    /// <param name="cacheFolder">The cache's folder for products; null for no cache.</param>
    public GemmEngine(CudaDevice device, DeviceMemory memory, string? cacheFolder)
    {
        this.device = device;
        library = CublasLtHandle.Create(device.Context);
        handle = library.Value;
        tuner = new GemmTuner(device, handle);
        Version = (long)CublasLt.cublasLtGetVersion();
        cache = new GemmCache(cacheFolder, Version, device.Name, device.Multiprocessors);
        workspace = memory.Allocate(WorkspaceBytes);
    }

    /// <summary>Version of cuBLASLt.</summary>
    public long Version { get; }

    /// <summary>Whether proposals are measured; else the library's first is taken.</summary>
    public bool Autotune { get; init; } = Environment.GetEnvironmentVariable("ZIMAGE_AUTOTUNE") != "0";

    /// <summary>The shapes seen so far and what was chosen for them.</summary>
    public IEnumerable<(GemmShape Shape, GemmChoice Choice)> Choices => plans.Values.Select(plan => (plan.Shape, plan.Choice));

    /// <summary>Queues a product.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="x">Input rows.</param>
    /// <param name="w">Weight.</param>
    /// <param name="bias">Bias in the output's type; 0 for none.</param>
    /// <param name="y">Output rows.</param>
    /// <param name="mayMeasure">Whether the device may be waited for: not while its work is recorded.</param>
    public void Run(in GemmShape shape, nint x, nint w, nint bias, nint y, bool mayMeasure)
    {
        GemmOperands operands = new(x, w, bias, y, workspace.Address, device.StreamValue);
        if (!plans.TryGetValue(shape, out GemmPlan? plan) || (!plan.IsTuned && mayMeasure))
        {
            plan?.Dispose();
            plan = Plan(shape, operands, mayMeasure);
            plans[shape] = plan;
        }

        cublasStatus_t status = plan.Run(handle, operands);
        if (status is cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED or cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE && cache.TryGet(shape, out _))
        {
            // A file from elsewhere, or a broken one.
            cache.Remove(shape);
            plan.Choice = First(plan);
            status = plan.Run(handle, operands);
        }

        CublasLtException.ThrowIfFailed(status, "cublasLtMatmul");
    }

    /// <summary>Writes what was measured to the disk.</summary>
    public void Save() => cache.Save();

    /// <inheritdoc/>
    public void Dispose()
    {
        cache.Save();
        foreach (GemmPlan plan in plans.Values)
        {
            plan.Dispose();
        }

        tuner.Dispose();
        workspace.Dispose();
        library.Dispose();
    }

    private GemmPlan Plan(in GemmShape shape, in GemmOperands operands, bool mayMeasure)
    {
        GemmPlan plan = new(shape);
        try
        {
            bool tune = Autotune && shape.Operations >= TuneFrom;
            plan.IsTuned = true;
            if (tune && cache.TryGet(shape, out GemmChoice known))
            {
                plan.Choice = known;
            }
            else if (tune && mayMeasure && tuner.Tune(plan, operands, WorkspaceBytes) is { } measured)
            {
                plan.Choice = measured;
                cache.Add(shape, measured);
            }
            else
            {
                plan.Choice = First(plan);
                plan.IsTuned = !tune || mayMeasure;
            }

            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    private GemmChoice First(GemmPlan plan)
    {
        List<GemmChoice> choices = plan.Propose(handle, WorkspaceBytes, 1);
        return choices.Count > 0
            ? choices[0]
            : throw new DeviceException($"{device.Title}: cuBLASLt {Version} has no algorithm for the product {plan.Shape}.", "Update the CUDA libraries, or use --device cpu.");
    }
}
