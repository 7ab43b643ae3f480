using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Tensors;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>The host halves of the memory-bound kernels, as far as they can be checked without a device.</summary>
[TestFixture]
public sealed partial class RowKernelTests
{
    private static IEnumerable<TestCaseData> Parameters()
    {
        yield return Case<RmsNormParams>("rmsnorm");
        yield return Case<ResidualNormParams>("rmsnorm");
        yield return Case<LayerNormParams>("layernorm");
        yield return Case<RopeParams>("rope");
        yield return Case<SwiGluParams>("activation");
        yield return Case<ElementwiseParams>("activation");
        yield return Case<ModulationParams>("activation");
        yield return Case<GatherParams>("embed");
        yield return Case<TimeParams>("embed");
        yield return Case<PatchifyParams>("patchify");
        yield return Case<RowsParams>("rows");
        yield return Case<BlendParams>("sampler");
        yield return Case<GuidanceParams>("sampler");
        yield return Case<NonFiniteParams>("sampler");
        yield return Case<RandomParams>("random");

        static TestCaseData Case<T>(string family)
            where T : unmanaged => new(family, typeof(T).Name, Unsafe.SizeOf<T>());
    }

    [TestCaseSource(nameof(Parameters))]
    public void Parameters_have_the_size_that_the_kernel_file_states(string family, string name, int size)
    {
        string source = KernelSources.FromResources().Family(family).Text;
        string? stated = StatedSize().Matches(source).Where(match => match.Groups[1].Value == name).Select(match => match.Groups[2].Value).SingleOrDefault();
        Assert.That(stated, Is.EqualTo(size.ToString(CultureInfo.InvariantCulture)));
    }

    [Test]
    public void A_row_is_covered_by_its_threads_and_a_block_keeps_whole_warps(
        [Values(8, 16, 256, 512, 2560, 3840, 8192)] int width, [Values(1, 5, 4160)] int rows, [Values(2, 4)] int perThread)
    {
        RowGeometry geometry = RowGeometry.Choose(rows, width, perThread, vector: true);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(geometry.Groups, Is.EqualTo(perThread));
            Assert.That(geometry.Groups * geometry.RowThreads * RowGeometry.Group, Is.GreaterThanOrEqualTo(width));
            Assert.That(geometry.Threads % 32, Is.Zero);
            Assert.That(geometry.Threads, Is.InRange(geometry.RowThreads, 512));
            Assert.That(geometry.RowThreads == 32 || geometry.RowThreads == geometry.Threads, "a row has one warp or the block");
            Assert.That((long)geometry.Blocks * (geometry.Threads / geometry.RowThreads), Is.GreaterThanOrEqualTo(rows));
        }
    }

    [TestCase(8200, 2, true, Description = "longer than a block can hold")]
    [TestCase(16392, 4, true, Description = "longer than a block can hold")]
    [TestCase(3840, 2, false, Description = "not made of aligned groups")]
    public void A_row_that_a_block_cannot_hold_goes_to_the_kernel_that_reads_it_again(int width, int perThread, bool vector) =>
        Assert.That(RowGeometry.Choose(3, width, perThread, vector), Is.EqualTo(new RowGeometry(0, 512, 512, 3)));

    [TestCase(DType.BF16, 4160, 3840, true)]
    [TestCase(DType.BF16, 512, 2560, true)]
    [TestCase(DType.BF16, 64, 3840, false, Description = "fewer rows than multiprocessors")]
    [TestCase(DType.BF16, 4160, 4104, false, Description = "longer than the ring")]
    [TestCase(DType.BF16, 4160, 2048, false, Description = "half of the threads would be idle")]
    [TestCase(DType.F32, 4160, 3840, false)]
    public void The_ring_takes_many_rows_that_fill_its_threads(DType type, int rows, int width, bool expected) =>
        Assert.That(CudaBackend.UsesRing(type, rows, width, multiprocessors: 132), Is.EqualTo(expected));

    [TestCase(30, 30, 128, true, 3, 64, 1, 1)]
    [TestCase(8, 2, 128, true, 3, 32, 1, 1)]
    [TestCase(32, 8, 128, true, 3, 64, 1, 1)]
    [TestCase(40, 10, 128, true, 3, 64, 2, 1)]
    [TestCase(3, 3, 512, true, 5, 32, 1, 1)]
    [TestCase(30, 6, 128, false, -1, 128, 8, 2)]
    [TestCase(5, 5, 96, true, -1, 128, 2, 2)]
    [TestCase(1, 1, 8, true, -1, 128, 1, 1)]
    public void Heads_are_shared_out_to_threads(
        int qHeads, int kHeads, int headDim, bool aligned, int laneShift, int threads, int qBlocks, int kBlocks) =>
        Assert.That(RopeGeometry.Choose(qHeads, kHeads, headDim, aligned), Is.EqualTo(new RopeGeometry(laneShift, threads, qBlocks, kBlocks)));

    // PyTorch: blocks of 256 threads, as many as are needed, at most 8 a multiprocessor; each thread draws 4 numbers a round.
    [TestCase(1, 256, 1)]
    [TestCase(257, 512, 1)]
    [TestCase(270_336, 270_336, 1)]
    [TestCase(4 * 270_336, 270_336, 1)]
    [TestCase((4 * 270_336) + 1, 270_336, 2)]
    public void A_draw_is_laid_out_as_PyTorch_lays_it_out(long count, long threads, long rounds) =>
        Assert.That(RandomGeometry.Choose(count, multiprocessors: 132), Is.EqualTo(new RandomGeometry(threads, rounds)));

    [GeneratedRegex(@"static_assert\(sizeof\((\w+)\) == (\d+)\)")]
    private static partial Regex StatedSize();
}
