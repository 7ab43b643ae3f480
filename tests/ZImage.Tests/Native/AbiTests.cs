using NUnit.Framework;
using ZImage.Native;

namespace ZImage.Tests.Native;

/// <summary>Structs lie in memory as the C headers have them; figures are sizeof and offsetof of the C declarations on x86-64 and AArch64.</summary>
public sealed unsafe class AbiTests
{
    [Test]
    public void Launch_config_lies_as_in_C()
    {
        CUlaunchConfig config;
        byte* start = (byte*)&config;
        Assert.That(sizeof(CUlaunchConfig), Is.EqualTo(56));
        Assert.That((int)((byte*)&config.gridDimX - start), Is.EqualTo(0));
        Assert.That((int)((byte*)&config.gridDimY - start), Is.EqualTo(4));
        Assert.That((int)((byte*)&config.gridDimZ - start), Is.EqualTo(8));
        Assert.That((int)((byte*)&config.blockDimX - start), Is.EqualTo(12));
        Assert.That((int)((byte*)&config.blockDimY - start), Is.EqualTo(16));
        Assert.That((int)((byte*)&config.blockDimZ - start), Is.EqualTo(20));
        Assert.That((int)((byte*)&config.sharedMemBytes - start), Is.EqualTo(24));
        Assert.That((int)((byte*)&config.hStream - start), Is.EqualTo(32));
        Assert.That((int)((byte*)&config.attrs - start), Is.EqualTo(40));
        Assert.That((int)((byte*)&config.numAttrs - start), Is.EqualTo(48));
    }

    [Test]
    public void Launch_attribute_lies_as_in_C()
    {
        CUlaunchAttribute attribute;
        byte* start = (byte*)&attribute;
        Assert.That(sizeof(CUlaunchAttribute), Is.EqualTo(72));
        Assert.That((int)((byte*)&attribute.id - start), Is.EqualTo(0));
        Assert.That((int)((byte*)&attribute.value - start), Is.EqualTo(8));
    }

    [Test]
    public void Launch_attribute_value_is_a_union_of_64_bytes()
    {
        CUlaunchAttributeValue value;
        byte* start = (byte*)&value;
        Assert.That(sizeof(CUlaunchAttributeValue), Is.EqualTo(64));
        Assert.That((int)((byte*)&value.cooperative - start), Is.EqualTo(0));
        Assert.That((int)((byte*)&value.clusterDimX - start), Is.EqualTo(0));
        Assert.That((int)((byte*)&value.clusterDimY - start), Is.EqualTo(4));
        Assert.That((int)((byte*)&value.clusterDimZ - start), Is.EqualTo(8));
        Assert.That((int)((byte*)&value.programmaticStreamSerializationAllowed - start), Is.EqualTo(0));
        Assert.That((int)((byte*)&value.programmaticEvent - start), Is.EqualTo(0));
        Assert.That((int)((byte*)&value.programmaticEventFlags - start), Is.EqualTo(8));
        Assert.That((int)((byte*)&value.programmaticEventTriggerAtBlockStart - start), Is.EqualTo(12));
        Assert.That((int)((byte*)&value.priority - start), Is.EqualTo(0));
        Assert.That((int)((byte*)&value.sharedMemCarveout - start), Is.EqualTo(0));
    }

    [Test]
    public void Ready_made_attributes_fill_the_member_that_their_id_names()
    {
        CUlaunchAttribute cluster = CUlaunchAttribute.ClusterDimension(2, 3, 4);
        CUlaunchAttribute overlap = CUlaunchAttribute.ProgrammaticStreamSerialization();
        uint* clusterWords = (uint*)&cluster;
        uint* overlapWords = (uint*)&overlap;
        Assert.That(new[] { clusterWords[0], clusterWords[2], clusterWords[3], clusterWords[4], clusterWords[5] }, Is.EqualTo(new uint[] { 4, 2, 3, 4, 0 }));
        Assert.That(new[] { overlapWords[0], overlapWords[2], overlapWords[3] }, Is.EqualTo(new uint[] { 6, 1, 0 }));
    }

    [Test]
    public void Opaque_structs_have_the_size_of_C()
    {
        Assert.That(sizeof(CUtensorMap), Is.EqualTo(128));
        Assert.That(sizeof(CUuuid), Is.EqualTo(16));
        Assert.That(sizeof(cublasLtMatmulAlgo_t), Is.EqualTo(64));
    }

    [Test]
    public void Heuristic_result_lies_as_in_C()
    {
        cublasLtMatmulHeuristicResult_t result;
        byte* start = (byte*)&result;
        Assert.That(sizeof(cublasLtMatmulHeuristicResult_t), Is.EqualTo(96));
        Assert.That((int)((byte*)&result.algo - start), Is.EqualTo(0));
        Assert.That((int)((byte*)&result.workspaceSize - start), Is.EqualTo(64));
        Assert.That((int)((byte*)&result.state - start), Is.EqualTo(72));
        Assert.That((int)((byte*)&result.wavesCount - start), Is.EqualTo(76));
        Assert.That((int)((byte*)result.reserved - start), Is.EqualTo(80));
    }

    [Test]
    public void Export_tables_of_NVTX_lie_as_in_C()
    {
        Nvtx.ExportedCallbacks callbacks;
        Nvtx.ExportedVersion version;
        Assert.That(sizeof(Nvtx.ExportedCallbacks), Is.EqualTo(16));
        Assert.That((int)((byte*)&callbacks.getModuleFunctionTable - (byte*)&callbacks), Is.EqualTo(8));
        Assert.That(sizeof(Nvtx.ExportedVersion), Is.EqualTo(24));
        Assert.That((int)((byte*)&version.version - (byte*)&version), Is.EqualTo(8));
        Assert.That((int)((byte*)&version.setInjectionVersion - (byte*)&version), Is.EqualTo(16));
    }

    [Test]
    public void A_uuid_prints_as_the_vendor_s_tools_print_it()
    {
        CUuuid uuid;
        for (int index = 0; index < 16; index++)
        {
            uuid.bytes[index] = (byte)(index * 17);
        }

        Assert.That(uuid.ToString(), Is.EqualTo("GPU-00112233-4455-6677-8899-aabbccddeeff"));
    }

    [TestCase(CudaResult.CUDA_ERROR_OUT_OF_MEMORY, 2)]
    [TestCase(CudaResult.CUDA_ERROR_NO_DEVICE, 100)]
    [TestCase(CudaResult.CUDA_ERROR_NO_BINARY_FOR_GPU, 209)]
    [TestCase(CudaResult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222)]
    [TestCase(CudaResult.CUDA_ERROR_NOT_READY, 600)]
    [TestCase(CudaResult.CUDA_ERROR_ILLEGAL_ADDRESS, 700)]
    [TestCase(CudaResult.CUDA_ERROR_LAUNCH_FAILED, 719)]
    [TestCase(CudaResult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, 900)]
    [TestCase(CudaResult.CUDA_ERROR_INVALID_CLUSTER_SIZE, 912)]
    [TestCase(CudaResult.CUDA_ERROR_UNKNOWN, 999)]
    [TestCase(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 16)]
    [TestCase(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 75)]
    [TestCase(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 97)]
    [TestCase(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED, 127)]
    [TestCase(CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 8)]
    [TestCase(CUtensorMapDataType.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 9)]
    [TestCase(CUtensorMapSwizzle.CU_TENSOR_MAP_SWIZZLE_128B, 3)]
    [TestCase(NvrtcResult.NVRTC_ERROR_COMPILATION, 6)]
    [TestCase(cudaDataType_t.CUDA_R_16BF, 14)]
    [TestCase(cudaDataType_t.CUDA_R_8F_E4M3, 28)]
    [TestCase(cublasComputeType_t.CUBLAS_COMPUTE_32F, 68)]
    [TestCase(cublasComputeType_t.CUBLAS_COMPUTE_32I, 72)]
    [TestCase(cublasComputeType_t.CUBLAS_COMPUTE_32F_FAST_TF32, 77)]
    [TestCase(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED, 15)]
    [TestCase(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA, 3)]
    [TestCase(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, 7)]
    [TestCase(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, 17)]
    [TestCase(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_FAST_ACCUM, 25)]
    [TestCase(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_A_SCALE_MODE, 31)]
    [TestCase(cublasLtMatrixLayoutAttribute_t.CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, 6)]
    [TestCase(cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 1)]
    [TestCase(cublasLtMatmulMatrixScale_t.CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F, 3)]
    public void Constants_have_the_values_of_the_C_headers(object constant, int value) =>
        Assert.That(Convert.ToInt32(constant, null), Is.EqualTo(value));
}
