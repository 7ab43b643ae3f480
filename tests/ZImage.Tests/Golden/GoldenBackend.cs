using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Backends.Cuda;
using ZImage.Native;
using ZImage.Tensors;
using ZImage.Tests.Support;

namespace ZImage.Tests.Golden;

/// <summary>A backend that the golden cases run on.</summary>
/// <param name="Name">Short name, which stands in the test's name.</param>
/// <param name="Create">Makes it.</param>
/// <param name="Missing">Why this machine has none; null where it has.</param>
/// <param name="Options">How a pipeline is loaded on it.</param>
/// <param name="IsShared">Whether all tests take the same one, because it is slow to open.</param>
internal sealed record GoldenBackend(string Name, Func<IBackend> Create, Func<string?> Missing, PipelineOptions Options, bool IsShared = false)
{
    /// <summary>Every backend there is. One more line here and all golden cases run on it.</summary>
    public static IReadOnlyList<GoldenBackend> All { get; } =
    [
        new("cpu", () => new CpuBackend(), () => null, new PipelineOptions { Device = "cpu" }),
        new("cuda", () => new CudaBackend(0, DType.BF16), MissingCuda, new PipelineOptions { Device = "cuda" }, true),
        new("cuda-f32", () => new CudaBackend(0, DType.F32), MissingCuda, new PipelineOptions { Device = "cuda", Precision = "f32" }, true),
    ];

    /// <summary>The backend called <paramref name="name"/>; ignores the test, with the reason, where the machine has none.</summary>
    public static GoldenBackend Find(string name)
    {
        GoldenBackend backend = All.Single(candidate => candidate.Name == name);
        if (backend.Missing() is { } reason)
        {
            Assert.Ignore(reason);
        }

        return backend;
    }

    /// <summary>Opens the backend called <paramref name="name"/>, or ignores the test as <see cref="Find"/> does.</summary>
    public static BackendLease Open(string name)
    {
        GoldenBackend found = Find(name);
        return found.IsShared
            ? new BackendLease(SharedBackends.Get(found.Name, found.Create), null)
            : new BackendLease(found.Create());
    }

    private static string? MissingCuda() => RequiresCudaAttribute.Missing(NativeLibraryResolver.Nvrtc, NativeLibraryResolver.CublasLt);
}

/// <summary>A backend for one test. What the test placed on it goes with the lease; so does the backend, where the test has it alone.</summary>
internal sealed class BackendLease : IDisposable
{
    private readonly IBackend? owned;
    private readonly IDisposable placement;

    /// <summary>Lends a backend.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="owned">The same where it is disposed with the lease; null where others use it too.</param>
    public BackendLease(IBackend backend, IBackend? owned)
    {
        Backend = backend;
        this.owned = owned;
        placement = backend.BeginPlacement();
    }

    /// <summary>Lends a backend that nobody else uses.</summary>
    public BackendLease(IBackend backend)
        : this(backend, backend)
    {
    }

    /// <summary>The backend.</summary>
    public IBackend Backend { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        placement.Dispose();
        owned?.Dispose();
    }
}
