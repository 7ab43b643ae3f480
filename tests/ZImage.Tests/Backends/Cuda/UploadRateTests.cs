using System.Diagnostics;
using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cuda;
using ZImage.Backends.Cpu;
using ZImage.Native;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>Weights from a file in the page cache to the device: right, and as fast as the reader threads and the bus allow.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class UploadRateTests
{
    private string path = "";

    [SetUp]
    public void SetUp() => path = Path.Combine(Path.GetTempPath(), $"zimage-upload-{Guid.NewGuid():N}.safetensors");

    [TearDown]
    public void TearDown() => File.Delete(path);

    [Test]
    [RequiresCuda(NativeLibraryResolver.Nvrtc, NativeLibraryResolver.CublasLt)]
    public void A_gibibyte_from_the_page_cache_comes_at_ten_gigabytes_a_second_at_least()
    {
        Write(8, 8192);
        using CudaBackend backend = new(0);
        double best = Enumerable.Range(0, 4).Max(_ => Place(backend, 8, 8192));
        TestContext.Out.WriteLine($"{best:F1} GB/s");

        // The bus of a data-centre card; others may have less to give.
        Assert.That(best, Is.GreaterThanOrEqualTo(backend.ComputeCapability is 90 or 100 ? 10 : 1));
    }

    [Test]
    public void The_file_of_that_test_is_read_as_it_was_written()
    {
        Write(2, 64);
        using CpuBackend backend = new();
        Assert.That(Place(backend, 2, 64), Is.Positive);
    }

    /// <summary>Matrices of <paramref name="size"/> squared; the values of a row are its number modulo 251.</summary>
    private unsafe void Write(int count, int size)
    {
        using HostStorage storage = new((long)size * size * sizeof(ushort));
        Span<ushort> values = new((void*)storage.Address, size * size);
        for (int row = 0; row < size; row++)
        {
            values.Slice(row * size, size).Fill((ushort)(BitConverter.SingleToUInt32Bits(row % 251) >> 16));
        }

        Tensor tensor = new(storage, DType.BF16, new Shape(size, size));
        SafetensorsWriter.Write(path, [.. Enumerable.Range(0, count).Select(i => new SafetensorsTensor($"w{i}", tensor))]);
    }

    /// <summary>Places all matrices, checks the last one, and gives the rate in GB/s.</summary>
    private double Place(IBackend backend, int count, int size)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using IDisposable placement = backend.BeginPlacement();
        long start = Stopwatch.GetTimestamp();
        LinearWeight[] weights = [.. Enumerable.Range(0, count).Select(i => backend.PlaceLinear([file[$"w{i}"]]))];
        backend.Synchronize();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        float[] values = new float[size * size];
        backend.Download(weights[^1].Parts[0], values);
        Assert.That(Enumerable.Range(0, size).All(row => values.AsSpan(row * size, size).IndexOfAnyExcept(row % 251) < 0));
        return count * 2e-9 * size * size / seconds;
    }
}
