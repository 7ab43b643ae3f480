using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Native;
using ZImage.Tensors;
using ZImage.Tests.Support;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>The choice of algorithms on disk.</summary>
public sealed class GemmCacheTests
{
    private static readonly GemmShape Shape = new(4160, 3840, 10240, 10240, 3840, DType.BF16, DType.BF16, false, 256, 256, 256);

    [Test]
    public unsafe void A_choice_survives_bit_for_bit()
    {
        using TemporaryFolder folder = new();
        GemmChoice choice = Choice(0x8000_0000_0000_0001);
        Store(folder.Path, Shape, choice);
        Assert.That(Open(folder.Path).TryGet(Shape, out GemmChoice read), Is.True);
        Assert.That((read.Workspace, read.Microseconds), Is.EqualTo((1L << 20, 12.5)));
        for (int i = 0; i < 8; i++)
        {
            cublasLtMatmulAlgo_t before = choice.Algorithm, after = read.Algorithm;
            Assert.That(after.data[i], Is.EqualTo(before.data[i]), $"word {i}");
        }
    }

    [Test]
    public void Another_shape_library_or_device_has_its_own_choices()
    {
        using TemporaryFolder folder = new();
        Store(folder.Path, Shape, Choice(1));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Open(folder.Path).TryGet(Shape with { M = 4161 }, out _), Is.False);
            Assert.That(Open(folder.Path).TryGet(Shape with { HasBias = true }, out _), Is.False);
            Assert.That(Open(folder.Path).TryGet(Shape with { AlignX = 16 }, out _), Is.False);
            Assert.That(new GemmCache(folder.Path, 130100, "NVIDIA H200", 132).TryGet(Shape, out _), Is.False);
            Assert.That(new GemmCache(folder.Path, 130000, "NVIDIA H100", 132).TryGet(Shape, out _), Is.False);
            Assert.That(new GemmCache(folder.Path, 130000, "NVIDIA H200", 60).TryGet(Shape, out _), Is.False);
        }
    }

    [Test]
    public void What_two_processes_found_is_kept_of_both()
    {
        using TemporaryFolder folder = new();
        GemmCache one = Open(folder.Path), two = Open(folder.Path);
        one.Add(Shape, Choice(1));
        two.Add(Shape with { M = 64 }, Choice(2));
        one.Save();
        two.Save();
        GemmCache both = Open(folder.Path);
        Assert.That((both.TryGet(Shape, out _), both.TryGet(Shape with { M = 64 }, out _)), Is.EqualTo((true, true)));
    }

    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("""{"x":{"algorithm":"zz","workspace":0,"microseconds":1}}""")]
    [TestCase("""{"x":{"workspace":0}}""")]
    [TestCase("""{"x":{"algorithm":"00","workspace":0,"microseconds":1}}""")]
    public void A_broken_file_is_an_empty_one_and_is_replaced(string content)
    {
        using TemporaryFolder folder = new();
        Store(folder.Path, Shape, Choice(1));
        string file = Directory.GetFiles(folder.Path).Single();
        File.WriteAllText(file, content);
        Assert.That(Open(folder.Path).TryGet(Shape, out _), Is.False);
        Store(folder.Path, Shape, Choice(1));
        Assert.That(Open(folder.Path).TryGet(Shape, out _), Is.True);
    }

    [Test]
    public void More_workspace_than_there_is_is_not_believed()
    {
        using TemporaryFolder folder = new();
        Store(folder.Path, Shape, Choice(1) with { Workspace = GemmEngine.WorkspaceBytes + 1 });
        Assert.That(Open(folder.Path).TryGet(Shape, out _), Is.False);
    }

    [Test]
    public void A_folder_that_cannot_be_written_is_done_without()
    {
        using TemporaryFolder folder = new();
        string file = folder.File("file");
        File.WriteAllText(file, "");
        GemmCache cache = Open(Path.Combine(file, "gemm"));
        cache.Add(Shape, Choice(1));
        Assert.That(cache.Save, Throws.Nothing);
        Assert.That(cache.TryGet(Shape, out _), Is.True);
    }

    [Test]
    public void Alignment_is_the_largest_power_of_two_up_to_256()
    {
        int[] found = [.. new nint[] { 0x1000, 0x1010, 0x1002, 0x1080 }.Select(GemmShape.AlignmentOf)];
        Assert.That(found, Is.EqualTo(new[] { 256, 16, 2, 128 }));
    }

    private static GemmCache Open(string folder) => new(folder, 130000, "NVIDIA H200", 132);

    private static void Store(string folder, GemmShape shape, GemmChoice choice)
    {
        GemmCache cache = Open(folder);
        cache.Add(shape, choice);
        cache.Save();
    }

    private static unsafe GemmChoice Choice(ulong seed)
    {
        cublasLtMatmulAlgo_t algorithm = default;
        for (uint i = 0; i < 8; i++)
        {
            algorithm.data[i] = unchecked(seed * (i + 0x1234_5678_9ABC_DEF1UL));
        }

        return new GemmChoice(algorithm, 1 << 20, 12.5);
    }
}
