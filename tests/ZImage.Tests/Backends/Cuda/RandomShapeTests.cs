using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Backends.Cuda;
using ZImage.Diagnostics;
using ZImage.Native;
using ZImage.Tensors;
using ZImage.Tests.Support;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>Every operator on random shapes, strides and numbers: the GPU in both activation types against the processor.</summary>
[RequiresCuda(NativeLibraryResolver.Nvrtc, NativeLibraryResolver.CublasLt)]
public sealed class RandomShapeTests
{
    private const int Shapes = 25;

    private CudaBackend bfloat16 = null!;
    private CudaBackend float32 = null!;
    private CpuBackend cpu = null!;

    private static IEnumerable<string> Names => OperatorCheck.All.Select(check => check.Name);

    [OneTimeSetUp]
    public void Open()
    {
        bfloat16 = new CudaBackend();
        float32 = new CudaBackend(0, DType.F32);
        cpu = new CpuBackend();
    }

    [OneTimeTearDown]
    public void Close()
    {
        bfloat16.Dispose();
        float32.Dispose();
        cpu.Dispose();
    }

    [TestCaseSource(nameof(Names))]
    public void Operator_agrees_with_the_processor(string name)
    {
        OperatorCheck check = OperatorCheck.All.Single(candidate => candidate.Name == name);
        using (Assert.EnterMultipleScope())
        {
            for (int seed = 0; seed < Shapes; seed++)
            {
                foreach (CudaBackend gpu in (CudaBackend[])[bfloat16, float32])
                {
                    OperatorAgreement agreement = check.Compare(gpu, cpu, seed);
                    Assert.That(agreement.Error, Is.LessThanOrEqualTo(agreement.Bound), $"{gpu.ActivationType}, seed {seed}");
                }
            }
        }
    }
}
