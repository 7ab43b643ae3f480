using NUnit.Framework;
using ZImage.Native;
using ZImage.Tests.Support;

namespace ZImage.Tests.Native;

/// <summary>From a source in memory to a kernel that runs, alone and in a graph.</summary>
[RequiresCuda(NativeLibraryResolver.Nvrtc)]
public sealed unsafe class NvrtcTests : CudaFixture
{
    private const string Header = "__device__ inline float scale_add(float a, float x, float y) { return fmaf(a, x, y); }";

    private const string Source = """
        #include "common/scale.cuh"
        extern "C" __global__ void scale_add_f32(float* y, const float* x, float a, int count)
        {
            int i = blockIdx.x * blockDim.x + threadIdx.x;
            if (i < count) y[i] = scale_add(a, x[i], y[i]);
        }
        """;

    private static readonly KeyValuePair<string, string>[] s_headers = [new("common/scale.cuh", Header)];

    [Test]
    public void The_compiler_knows_its_version_and_this_device()
    {
        Version version = NvrtcCompiler.Version();
        int[] architectures = NvrtcCompiler.SupportedArchitectures();
        TestContext.Out.WriteLine($"NVRTC {version} from {NativeLibraryResolver.LoadedPath(NativeLibraryResolver.Nvrtc)}: {string.Join(' ', architectures)}");

        Assert.That(version.Major, Is.GreaterThanOrEqualTo(12));
        Assert.That(architectures, Is.Ordered.And.Not.Empty);
        Assert.That(architectures.Select(architecture => $"sm_{architecture}"), Does.Contain(Architecture));
    }

    [Test]
    public void A_kernel_compiled_from_memory_computes_what_the_CPU_computes()
    {
        using CudaModuleHandle module = Compile();
        float[] x = Values(1), y = Values(2);
        using DeviceMemoryHandle deviceX = Upload<float>(x), deviceY = Upload<float>(y);

        Launch(module.GetFunction("scale_add_f32"), deviceY.Pointer, deviceX.Pointer, 1.7f, x.Length);
        Stream.Synchronize();

        Assert.That(Download<float>(deviceY), Is.EqualTo(x.Zip(y, (a, b) => MathF.FusedMultiplyAdd(1.7f, a, b))));
    }

    [Test]
    public void A_kernel_s_figures_can_be_asked_for()
    {
        using CudaModuleHandle module = Compile();
        nint function = module.GetFunction("scale_add_f32");
        CudaException.ThrowIfFailed(CudaDriver.cuFuncGetAttribute(out int registers, CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS, function));
        CudaException.ThrowIfFailed(CudaDriver.cuFuncGetAttribute(out int spilled, CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, function));
        CudaException.ThrowIfFailed(CudaDriver.cuFuncGetAttribute(out int binary, CUfunction_attribute.CU_FUNC_ATTRIBUTE_BINARY_VERSION, function));
        CudaException.ThrowIfFailed(CudaDriver.cuFuncSetAttribute(function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 64 << 10));
        CudaException.ThrowIfFailed(CudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(out int blocks, function, 1024, 0));

        Assert.That(registers, Is.InRange(1, 255));
        Assert.That(spilled, Is.Zero);
        Assert.That($"sm_{binary}", Is.EqualTo(Architecture));
        Assert.That(blocks, Is.GreaterThanOrEqualTo(1));
    }

    [Test]
    public void PTX_is_compiled_by_the_driver()
    {
        (byte[] ptx, _) = NvrtcCompiler.CompileToPtx("scale_add.cu", Source, s_headers, ["--gpu-architecture=compute_80"]);
        using CudaModuleHandle module = CudaModuleHandle.Load(Context, ptx);

        Assert.That(ptx[^1], Is.Zero);
        Assert.That((long)module.GetFunction("scale_add_f32"), Is.Not.Zero);
    }

    [Test]
    public void A_template_s_instance_is_found_by_its_lowered_name()
    {
        const string Template = "template <int N> __global__ void fill(int* y) { y[threadIdx.x] = N; }";
        using NvrtcProgramHandle program = NvrtcProgramHandle.Create("fill.cu", Template, []);
        program.AddNameExpression("fill<42>");
        Assert.That(program.Compile([$"--gpu-architecture={Architecture}"]), Is.EqualTo(NvrtcResult.NVRTC_SUCCESS), program.Log());
        using CudaModuleHandle module = CudaModuleHandle.Load(Context, program.Cubin());
        using DeviceMemoryHandle memory = Upload<int>(new int[32]);
        nuint pointer = memory.Pointer;
        void** parameters = stackalloc void*[] { &pointer };

        CudaException.ThrowIfFailed(
            CudaDriver.cuLaunchKernel(module.GetFunction(program.LoweredName("fill<42>")), 1, 1, 1, 32, 1, 1, 0, Stream.Value, parameters, null));
        Stream.Synchronize();

        Assert.That(Download<int>(memory), Is.EqualTo(Enumerable.Repeat(42, 32)));
    }

    [Test]
    public void A_source_that_does_not_compile_gives_the_log_with_file_and_line()
    {
        NvrtcException? error = Assert.Throws<NvrtcException>(
            () => NvrtcCompiler.Compile("broken.cu", "\n\nextern \"C\" __global__ void f() { int x = nothing; }", [], [$"--gpu-architecture={Architecture}"]));

        Assert.That(error!.Log, Does.Contain("broken.cu(3): error"));
        Assert.That(error.Message, Does.StartWith("Compiling broken.cu with --gpu-architecture=").And.Contain("NVRTC_ERROR_COMPILATION"));
    }

    [Test]
    public void A_virtual_architecture_gives_no_cubin_and_says_so() => Assert.That(
        () => NvrtcCompiler.Compile("scale_add.cu", Source, s_headers, ["--gpu-architecture=compute_80"]),
        Throws.ArgumentException.With.Message.Contains("sm_XX"));

    [Test]
    public void A_broken_image_or_an_unknown_kernel_is_a_named_error()
    {
        using CudaModuleHandle module = Compile();

        Assert.That(() => CudaModuleHandle.Load(Context, "no cubin\0"u8), Throws.TypeOf<CudaException>().With.Message.Contains("cuModuleLoadDataEx of 9 bytes"));
        Assert.That(() => module.GetFunction("no_such_kernel"), Throws.TypeOf<CudaException>().With.Message.Contains("no_such_kernel").And.Message.Contains("CUDA_ERROR_NOT_FOUND"));
    }

    [Test]
    public void A_launch_with_a_cluster_and_overlap_gets_both()
    {
        if (Major < 9)
        {
            Assert.Ignore($"{Architecture} has no clusters.");
        }

        const string Clusters = """
            extern "C" __global__ void cluster_size(int* y)
            {
                int size;
                asm volatile("griddepcontrol.wait;" ::: "memory");
                asm volatile("mov.u32 %0, %%cluster_nctaid.x;" : "=r"(size));
                if (threadIdx.x == 0) y[blockIdx.x] += size;
            }
            """;
        (byte[] cubin, _) = NvrtcCompiler.Compile("clusters.cu", Clusters, [], [$"--gpu-architecture={Architecture}"]);
        using CudaModuleHandle module = CudaModuleHandle.Load(Context, cubin);
        nint function = module.GetFunction("cluster_size");
        using DeviceMemoryHandle memory = Upload<int>(new int[8]);
        nuint pointer = memory.Pointer;
        void** parameters = stackalloc void*[] { &pointer };
        CUlaunchAttribute* attributes = stackalloc CUlaunchAttribute[] { CUlaunchAttribute.ClusterDimension(4), CUlaunchAttribute.ProgrammaticStreamSerialization() };
        CUlaunchConfig config = new()
        {
            gridDimX = 8,
            gridDimY = 1,
            gridDimZ = 1,
            blockDimX = 32,
            blockDimY = 1,
            blockDimZ = 1,
            hStream = Stream.Value,
            attrs = attributes,
            numAttrs = 2,
        };
        for (int round = 0; round < 3; round++)
        {
            CudaException.ThrowIfFailed(CudaDriver.cuLaunchKernelEx(&config, function, parameters, null));
        }

        Stream.Synchronize();

        Assert.That(Download<int>(memory), Is.EqualTo(Enumerable.Repeat(12, 8)));
    }

    [Test]
    public void A_captured_graph_runs_again_and_again()
    {
        using CudaModuleHandle module = Compile();
        nint function = module.GetFunction("scale_add_f32");
        float[] x = [.. Enumerable.Range(0, 1000).Select(i => (float)i)];
        using DeviceMemoryHandle deviceX = Upload<float>(x), deviceY = Upload<float>(new float[x.Length]);

        CudaException.ThrowIfFailed(CudaDriver.cuStreamBeginCapture_v2(Stream.Value, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
        CudaException.ThrowIfFailed(CudaDriver.cuStreamIsCapturing(Stream.Value, out CUstreamCaptureStatus status));
        Launch(function, deviceY.Pointer, deviceX.Pointer, 2, x.Length);
        Launch(function, deviceY.Pointer, deviceX.Pointer, 1, x.Length);
        using GraphHandle graph = GraphHandle.EndCapture(Context, Stream);
        using GraphExecHandle executable = GraphExecHandle.Instantiate(Context, graph);
        CudaException.ThrowIfFailed(CudaDriver.cuGraphUpload(executable.Value, Stream.Value));
        Stream.Synchronize();
        float[] captured = Download<float>(deviceY);
        for (int round = 0; round < 5; round++)
        {
            executable.Launch(Stream);
        }

        Stream.Synchronize();

        Assert.That(status, Is.EqualTo(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE));
        Assert.That(graph.CountNodes(), Is.EqualTo(2));
        Assert.That(captured, Is.All.Zero, "capturing runs nothing");
        Assert.That(Download<float>(deviceY), Is.EqualTo(x.Select(value => 15 * value)));
    }

    private static float[] Values(int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, 10_007).Select(_ => random.NextSingle() * 20 - 10)];
    }

    private CudaModuleHandle Compile()
    {
        (byte[] cubin, string log) = NvrtcCompiler.Compile("scale_add.cu", Source, s_headers, [$"--gpu-architecture={Architecture}", "--std=c++17", "--generate-line-info"]);
        Assert.That(log, Is.Empty);
        return CudaModuleHandle.Load(Context, cubin);
    }

    private void Launch(nint function, nuint y, nuint x, float a, int count)
    {
        void** parameters = stackalloc void*[] { &y, &x, &a, &count };
        CudaException.ThrowIfFailed(CudaDriver.cuLaunchKernel(function, (uint)(count + 255) / 256, 1, 1, 256, 1, 1, 0, Stream.Value, parameters, null));
    }
}
