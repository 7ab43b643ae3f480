using NUnit.Framework;
using ZImage.Native;
using ZImage.Tensors;
using ZImage.Tests.Support;

namespace ZImage.Tests.Native;

/// <summary>
/// y = x W^T as a linear layer has it, all by rows, against a loop. The values are small integers, so every product and every sum of float32 is exact in any
/// order and the results must be equal, those in 16 or 8 bits after one rounding.
/// </summary>
[RequiresCuda(NativeLibraryResolver.CublasLt)]
public sealed unsafe class CublasLtTests : CudaFixture
{
    private const int Rows = 48, Outputs = 80, Inputs = 64;
    private const nuint WorkspaceBytes = 32 << 20;

    [Test]
    public void The_library_says_its_version()
    {
        ulong version = CublasLt.cublasLtGetVersion();
        TestContext.Out.WriteLine($"cuBLASLt {version} from {NativeLibraryResolver.LoadedPath(NativeLibraryResolver.CublasLt)}");

        Assert.That(version, Is.GreaterThanOrEqualTo(120000));
    }

    [Test]
    public void A_float32_product_is_the_loop_s()
    {
        float[] x = Integers(Rows * Inputs, 1), w = Integers(Outputs * Inputs, 2);
        using DeviceMemoryHandle deviceX = Upload<float>(x), deviceW = Upload<float>(w), deviceY = Upload<float>(new float[Rows * Outputs]);
        using MatmulDescHandle desc = Description();

        Multiply(desc, cudaDataType_t.CUDA_R_32F, cudaDataType_t.CUDA_R_32F, deviceX, deviceW, deviceY);

        Assert.That(Download<float>(deviceY), Is.EqualTo(Loop(x, w)));
    }

    [Test]
    public void A_bfloat16_product_is_the_loop_s_rounded_once()
    {
        float[] x = Integers(Rows * Inputs, 3), w = Integers(Outputs * Inputs, 4);
        using DeviceMemoryHandle deviceX = Upload<BFloat16>([.. x.Select(BFloat16.FromSingle)]);
        using DeviceMemoryHandle deviceW = Upload<BFloat16>([.. w.Select(BFloat16.FromSingle)]);
        using DeviceMemoryHandle deviceY = Upload<BFloat16>(new BFloat16[Rows * Outputs]);
        using MatmulDescHandle desc = Description();

        Multiply(desc, cudaDataType_t.CUDA_R_16BF, cudaDataType_t.CUDA_R_16BF, deviceX, deviceW, deviceY);

        Assert.That(Download<BFloat16>(deviceY), Is.EqualTo(Loop(x, w).Select(BFloat16.FromSingle)));
    }

    [Test]
    public void A_bias_is_added_by_the_epilogue()
    {
        float[] x = Integers(Rows * Inputs, 5), w = Integers(Outputs * Inputs, 6), bias = Integers(Outputs, 7);
        using DeviceMemoryHandle deviceX = Upload<BFloat16>([.. x.Select(BFloat16.FromSingle)]);
        using DeviceMemoryHandle deviceW = Upload<BFloat16>([.. w.Select(BFloat16.FromSingle)]);
        using DeviceMemoryHandle deviceBias = Upload<BFloat16>([.. bias.Select(BFloat16.FromSingle)]);
        using DeviceMemoryHandle deviceY = Upload<BFloat16>(new BFloat16[Rows * Outputs]);
        using MatmulDescHandle desc = Description();
        desc.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BIAS);
        desc.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER, deviceBias.Pointer);
        desc.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, cudaDataType_t.CUDA_R_16BF);

        Multiply(desc, cudaDataType_t.CUDA_R_16BF, cudaDataType_t.CUDA_R_16BF, deviceX, deviceW, deviceY);

        Assert.That(Download<BFloat16>(deviceY), Is.EqualTo(Loop(x, w).Select((sum, index) => BFloat16.FromSingle(sum + bias[index % Outputs]))));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void An_8_bit_product_is_scaled_by_the_tensor_or_by_row(bool byRow)
    {
        if (Major != 9 || (byRow && CublasLt.cublasLtGetVersion() < 120900))
        {
            Assert.Ignore($"Scales of float32 by row need sm_90 and cuBLAS 12.9; this is {Architecture} and {CublasLt.cublasLtGetVersion()}.");
        }

        // -2, -1, 0, 1 and 2 in e4m3; powers of two for scales, so that scaling is exact too.
        byte[] codes = [0xC0, 0xB8, 0x00, 0x38, 0x40];
        float[] x = Integers(Rows * Inputs, 8, 2), w = Integers(Outputs * Inputs, 9, 2);
        float[] scaleX = [.. Enumerable.Range(0, Rows).Select(row => byRow ? MathF.Pow(2, (row % 4) - 2) : 0.5f)];
        float[] scaleW = [.. Enumerable.Range(0, Outputs).Select(row => byRow ? MathF.Pow(2, (row % 3) - 1) : 4f)];
        using DeviceMemoryHandle deviceX = Upload<byte>([.. x.Select(value => codes[(int)value + 2])]);
        using DeviceMemoryHandle deviceW = Upload<byte>([.. w.Select(value => codes[(int)value + 2])]);
        using DeviceMemoryHandle deviceScaleX = Upload<float>(scaleX), deviceScaleW = Upload<float>(scaleW);
        using DeviceMemoryHandle deviceY = Upload<BFloat16>(new BFloat16[Rows * Outputs]);
        using MatmulDescHandle desc = Description();
        desc.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, deviceScaleW.Pointer);
        desc.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, deviceScaleX.Pointer);
        if (byRow)
        {
            desc.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_A_SCALE_MODE, cublasLtMatmulMatrixScale_t.CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F);
            desc.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_B_SCALE_MODE, cublasLtMatmulMatrixScale_t.CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F);
        }

        Multiply(desc, cudaDataType_t.CUDA_R_8F_E4M3, cudaDataType_t.CUDA_R_16BF, deviceX, deviceW, deviceY);

        Assert.That(
            Download<BFloat16>(deviceY),
            Is.EqualTo(Loop(x, w).Select((sum, index) => BFloat16.FromSingle(sum * scaleX[index / Outputs] * scaleW[index % Outputs]))));
    }

    [Test]
    public void An_attribute_of_the_wrong_size_is_a_named_error()
    {
        using MatmulDescHandle desc = Description();

        Assert.That(
            () => desc.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER, (byte)1),
            Throws.TypeOf<CublasLtException>().With.Message.StartsWith("Setting CUBLASLT_MATMUL_DESC_BIAS_POINTER to 1 failed: CUBLAS_STATUS_INVALID_VALUE (7)"));
    }

    private static float[] Integers(int count, int seed, int largest = 8)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-largest, largest + 1))];
    }

    // x: [Rows, Inputs], w: [Outputs, Inputs]; gives [Rows, Outputs].
    private static float[] Loop(float[] x, float[] w)
    {
        float[] y = new float[Rows * Outputs];
        for (int row = 0; row < Rows; row++)
        {
            for (int output = 0; output < Outputs; output++)
            {
                float sum = 0;
                for (int input = 0; input < Inputs; input++)
                {
                    sum += x[(row * Inputs) + input] * w[(output * Inputs) + input];
                }

                y[(row * Outputs) + output] = sum;
            }
        }

        return y;
    }

    private static MatmulDescHandle Description()
    {
        MatmulDescHandle desc = MatmulDescHandle.Create(cublasComputeType_t.CUBLAS_COMPUTE_32F, cudaDataType_t.CUDA_R_32F);
        desc.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA, cublasOperation_t.CUBLAS_OP_T);
        return desc;
    }

    // The library sees columns: y^T [Outputs, Rows] = (W^T)^T [Outputs, Inputs] x^T [Inputs, Rows].
    private void Multiply(
        MatmulDescHandle desc, cudaDataType_t inputType, cudaDataType_t outputType, DeviceMemoryHandle x, DeviceMemoryHandle w, DeviceMemoryHandle y)
    {
        using CublasLtHandle handle = CublasLtHandle.Create(Context);
        using MatrixLayoutHandle layoutW = MatrixLayoutHandle.Create(inputType, Inputs, Outputs, Inputs);
        using MatrixLayoutHandle layoutX = MatrixLayoutHandle.Create(inputType, Inputs, Rows, Inputs);
        using MatrixLayoutHandle layoutY = MatrixLayoutHandle.Create(outputType, Outputs, Rows, Outputs);
        using MatmulPreferenceHandle preference = MatmulPreferenceHandle.Create();
        preference.Set(cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, (ulong)WorkspaceBytes);

        // Partial sums put together in the output's type would be rounded more than once.
        preference.Set(cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, cublasLtReductionScheme_t.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
        using DeviceMemoryHandle workspace = DeviceMemoryHandle.Allocate(Context, WorkspaceBytes);

        cublasLtMatmulHeuristicResult_t* results = stackalloc cublasLtMatmulHeuristicResult_t[4];
        CublasLtException.ThrowIfFailed(CublasLt.cublasLtMatmulAlgoGetHeuristic(
            handle.Value, desc.Value, layoutW.Value, layoutX.Value, layoutY.Value, layoutY.Value, preference.Value, 4, results, out int found));
        Assert.That(found, Is.InRange(1, 4));
        float alpha = 1, beta = 0;

        // Every proposal runs; the caller looks at what the last one left.
        for (int index = 0; index < found; index++)
        {
            Assert.That(results[index].state, Is.EqualTo(cublasStatus_t.CUBLAS_STATUS_SUCCESS));
            Assert.That((ulong)results[index].workspaceSize, Is.LessThanOrEqualTo((ulong)WorkspaceBytes));
            Assert.That(results[index].wavesCount, Is.InRange(0f, 100f));
            CublasLtException.ThrowIfFailed(CublasLt.cublasLtMatmul(
                handle.Value,
                desc.Value,
                &alpha,
                w.Pointer,
                layoutW.Value,
                x.Pointer,
                layoutX.Value,
                &beta,
                y.Pointer,
                layoutY.Value,
                y.Pointer,
                layoutY.Value,
                &results[index].algo,
                workspace.Pointer,
                WorkspaceBytes,
                Stream.Value));
            Stream.Synchronize();
        }
    }
}
