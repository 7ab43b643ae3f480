using NUnit.Framework;
using ZImage.Native;

namespace ZImage.Tests.Native;

/// <summary>Errors of native calls say which call failed and with what.</summary>
public sealed class NativeErrorTests
{
    [Test]
    public void A_failed_driver_call_names_itself_and_the_error()
    {
        CudaResult result = CudaResult.CUDA_ERROR_OUT_OF_MEMORY;

        CudaException? error = Assert.Throws<CudaException>(() => CudaException.ThrowIfFailed(result, "CudaDriver.cuMemAlloc_v2(out nuint pointer, bytes)"));

        Assert.That(error!.Message, Does.StartWith("cuMemAlloc_v2(out nuint pointer, bytes) failed: CUDA_ERROR_OUT_OF_MEMORY (2)"));
        Assert.That(error.Name, Is.EqualTo("CUDA_ERROR_OUT_OF_MEMORY"));
        Assert.That(error.Code, Is.EqualTo(2));
        Assert.That(error.ContextIsLost, Is.False);
    }

    [Test]
    public void The_compiler_fills_in_the_call()
    {
        CudaResult launchResult = CudaResult.CUDA_ERROR_ILLEGAL_ADDRESS;

        CudaException? error = Assert.Throws<CudaException>(() => CudaException.ThrowIfFailed(launchResult));

        Assert.That(error!.Message, Does.StartWith("launchResult failed: CUDA_ERROR_ILLEGAL_ADDRESS (700)"));
        Assert.That(error.ContextIsLost, Is.True);
    }

    [Test]
    public void Success_throws_nothing() => Assert.That(
        () =>
        {
            CudaException.ThrowIfFailed(CudaResult.CUDA_SUCCESS);
            NvrtcException.ThrowIfFailed(NvrtcResult.NVRTC_SUCCESS);
            CublasLtException.ThrowIfFailed(cublasStatus_t.CUBLAS_STATUS_SUCCESS);
        },
        Throws.Nothing);

    [Test]
    public void A_failed_compilation_carries_the_log()
    {
        NvrtcException error = new(NvrtcResult.NVRTC_ERROR_COMPILATION, "Compiling rope.cu", "rope.cu(3): error: expected a \";\"");

        Assert.That(error.Message, Does.StartWith("Compiling rope.cu failed: NVRTC_ERROR_COMPILATION (6)."));
        Assert.That(error.Message, Does.EndWith("rope.cu(3): error: expected a \";\""));
        Assert.That(error.Log, Is.EqualTo("rope.cu(3): error: expected a \";\""));
    }

    [Test]
    public void A_failed_product_names_the_status()
    {
        CublasLtException? error = Assert.Throws<CublasLtException>(
            () => CublasLtException.ThrowIfFailed(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED, "CublasLt.cublasLtMatmul(...)"));

        Assert.That(error!.Message, Does.StartWith("cublasLtMatmul(...) failed: CUBLAS_STATUS_NOT_SUPPORTED (15)"));
        Assert.That(error.Code, Is.EqualTo(15));
    }

    [Test]
    public void Strings_for_C_end_in_a_zero()
    {
        unsafe
        {
            using Utf8StringArray strings = new(["猫", ""]);
            byte* first = strings.Pointers[0];
            Assert.That(new[] { first[0], first[1], first[2], first[3], strings.Pointers[1][0] }, Is.EqualTo(new byte[] { 0xE7, 0x8C, 0xAB, 0, 0 }));
        }
    }
}
