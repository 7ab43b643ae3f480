using System.Text.RegularExpressions;
using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Native;
using ZImage.Tests.Golden;
using ZImage.Tests.Support;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>What the compiled kernels take of the device.</summary>
[RequiresCuda(NativeLibraryResolver.Nvrtc, NativeLibraryResolver.CublasLt)]
public sealed partial class KernelResourceTests
{
    /// <summary>Kernels that may use local memory, and why. Everything else lives in registers.</summary>
    private static readonly Dictionary<string, string> Allowed = new()
    {
        ["embed_time_bf16"] = "sinf and cosf reduce large arguments in an array",
        ["embed_time_f32"] = "sinf and cosf reduce large arguments in an array",
        ["random_normal_f32"] = "sinf and cosf reduce large arguments in an array",
        ["random_weight_bf16"] = "sinf and cosf reduce large arguments in an array",
    };

    [Test]
    public void No_kernel_uses_local_memory()
    {
        using BackendLease lease = GoldenBackend.Open("cuda");
        CudaBackend backend = (CudaBackend)lease.Backend;
        backend.Kernels.BuildEvery();
        List<string> found = [];
        int seen = 0;
        foreach (KernelLogEntry entry in backend.Kernels.Log)
        {
            foreach (string name in EntryPattern().Matches(entry.Log).Select(match => match.Groups[1].Value).Distinct())
            {
                // Finding it says that it is in the unit that its name says.
                CudaKernel kernel = backend.Kernel(entry.Family, name);
                CudaException.ThrowIfFailed(CudaDriver.cuFuncGetAttribute(out int bytes, CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, kernel.Function));
                seen++;
                if (bytes != 0 && !Allowed.ContainsKey(name))
                {
                    found.Add($"{name}: {bytes} bytes a thread");
                }
            }
        }

        Assert.That(seen, Is.GreaterThan(backend.Kernels.Log.Count), "the compiler's logs name the kernels");
        Assert.That(found, Is.Empty);
    }

    [Test]
    public void The_compiler_neither_spills_nor_puts_wgmma_in_sequence()
    {
        using BackendLease lease = GoldenBackend.Open("cuda");
        CudaBackend backend = (CudaBackend)lease.Backend;
        backend.Kernels.BuildEvery();
        Assert.That(backend.Kernels.Warnings(), Is.Empty);
    }

    [GeneratedRegex("Compiling entry function '([A-Za-z0-9_]+)'")]
    private static partial Regex EntryPattern();
}
