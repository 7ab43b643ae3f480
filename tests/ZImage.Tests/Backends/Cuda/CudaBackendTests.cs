using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cuda;
using ZImage.Native;
using ZImage.Tensors;
using ZImage.Tests.Support;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>The backend's own part on a device: memory, transfers, placement, products, recordings.</summary>
[RequiresCuda(NativeLibraryResolver.Nvrtc, NativeLibraryResolver.CublasLt)]
[TestFixture(DType.BF16)]
[TestFixture(DType.F32)]
[NonParallelizable]
public sealed class CudaBackendTests(DType activation)
{
    private CudaBackend backend = null!;

    [OneTimeSetUp]
    public void Open() => backend = new CudaBackend(0, activation);

    [OneTimeTearDown]
    public void Close() => backend?.Dispose();

    [Test]
    public void All_kernels_compile_for_this_device_without_spills() => Assert.That(backend.Kernels.Warnings(), Is.Empty);

    [Test]
    public void Floats_come_back_rounded_once([Values(DType.F32, DType.BF16, DType.F16)] DType type)
    {
        // Longer than the staging buffer holds, and no multiple of it.
        float[] values = Values(2_500_003, 1);
        Tensor tensor = New(type, values.Length);
        backend.Upload(values, tensor);
        float[] expected = [.. values.Select(value => type == DType.F32 ? value : type == DType.BF16 ? (float)(BFloat16)value : (float)(Half)value)];
        Assert.That(Download(tensor).AsSpan().SequenceEqual(expected));
        tensor.Storage.Dispose();
    }

    [Test]
    public void Rows_with_gaps_come_back_without_them()
    {
        Tensor tensor = New(DType.F32, 777, 1500);
        float[] values = Values(777 * 1500, 2);
        backend.Upload(values, tensor);
        float[] part = Download(tensor.Columns(500, 301));
        float[] expected = [.. Enumerable.Range(0, 777).SelectMany(row => values[((row * 1500) + 500)..((row * 1500) + 801)])];
        Assert.That(part, Is.EqualTo(expected));
        tensor.Storage.Dispose();
    }

    [Test]
    public void Pictures_of_any_size_in_any_order_keep_their_bytes()
    {
        // 2001x1501 is three times what the staging buffer holds, and no multiple of it. A level is 2/255 wide, and a bfloat16 is off by 1/512 at most.
        foreach ((int height, int width) in new[] { (9, 7), (2001, 1501), (1024, 1024), (9, 7), (1200, 1165), (1, 1) })
        {
            byte[] rgb = new byte[height * width * 3], back = new byte[rgb.Length];
            new Random(height).NextBytes(rgb);
            Tensor pixels = New(activation, height, width, 3);
            backend.FromRgb8(rgb, pixels);
            backend.ToRgb8(pixels, back);
            bool first = back.AsSpan().SequenceEqual(rgb);
            back.AsSpan().Clear();
            long before = GC.GetAllocatedBytesForCurrentThread();
            backend.ToRgb8(pixels, back);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            using (Assert.EnterMultipleScope())
            {
                Assert.That(first, $"{height}x{width}");
                Assert.That(back.AsSpan().SequenceEqual(rgb), $"{height}x{width}, again");
                Assert.That(allocated, Is.Zero, $"{height}x{width}: managed bytes");
            }

            pixels.Storage.Dispose();
        }
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    [TestCase(float.NegativeInfinity)]
    public void One_element_that_is_not_finite_is_found(float value)
    {
        float[] values = Values(300 * 70, 12);
        Tensor tensor = New(activation, 300, 70);
        backend.Upload(values, tensor);
        bool before = backend.IsFinite(tensor);
        values[(299 * 70) + 69] = value;
        backend.Upload(values, tensor);
        Assert.That((before, backend.IsFinite(tensor), backend.IsFinite(tensor.Columns(0, 69))), Is.EqualTo((true, false, true)));
        tensor.Storage.Dispose();
    }

    [TestCase(1, 64, 64)]
    [TestCase(3, 5, 7)]
    [TestCase(17, 33, 19)]
    [TestCase(65, 130, 72)]
    [TestCase(300, 64, 3840)]
    public void A_product_is_that_of_its_rounded_operands(int rows, int outputs, int inputs)
    {
        foreach (bool biased in new[] { false, true })
        {
            using IDisposable placement = backend.BeginPlacement();
            float[] bias = Values(outputs, 3);
            Tensor first = Host(Values((outputs - 1) * inputs, 4), outputs - 1, inputs), second = Host(Values(inputs, 5), 1, inputs);
            LinearWeight weight = backend.PlaceLinear(outputs == 1 ? [second] : [first, second], biased ? Host(bias, outputs) : default);
            Tensor wide = New(activation, rows, inputs + 24), y = New(DType.F32, rows, outputs), again = New(DType.F32, rows, outputs);
            backend.Upload(Values(rows * (inputs + 24), 6), wide);
            Tensor x = wide.Columns(8, inputs);
            backend.Linear(x, weight, y);
            backend.Linear(x, weight, again);

            float[] found = Download(y), a = Download(x), b = Download(weight.Parts[0]);
            double worst = 0;
            for (int row = 0; row < rows; row++)
            {
                for (int column = 0; column < outputs; column++)
                {
                    double sum = biased ? bias[column] : 0, magnitude = Math.Abs(sum);
                    for (int k = 0; k < inputs; k++)
                    {
                        double term = (double)a[(row * inputs) + k] * b[(column * inputs) + k];
                        sum += term;
                        magnitude += Math.Abs(term);
                    }

                    // Any order of float32 additions errs by at most inputs roundings of the magnitudes' sum.
                    worst = Math.Max(worst, Math.Abs(found[(row * outputs) + column] - sum) / (magnitude * (inputs + 2) * Math.Pow(2, -24)));
                }
            }

            using (Assert.EnterMultipleScope())
            {
                Assert.That(worst, Is.LessThanOrEqualTo(1), "share of the bound");
                Assert.That(Download(again).AsSpan().SequenceEqual(found), "the same bits twice");
            }

            backend.BeginPlacement();
            wide.Storage.Dispose();
            y.Storage.Dispose();
            again.Storage.Dispose();
        }
    }

    [Test]
    public void A_recording_does_what_the_work_does_and_survives_a_work_that_throws()
    {
        using IDisposable placement = backend.BeginPlacement();
        LinearWeight weight = backend.PlaceLinear([Host(Values(64 * 64, 7), 64, 64)]);
        Tensor x = New(activation, 8, 64), y = New(activation, 8, 64), z = New(activation, 8, 64);
        backend.Upload(Values(8 * 64, 8), x);
        int calls = 0;
        using IRecordedWork work = backend.Record(() =>
        {
            backend.Linear(x, weight, y);
            if (++calls == 2)
            {
                throw new OperationCanceledException();
            }

            backend.Linear(y, weight, z);
        });
        work.Replay();
        float[] expected = Download(z);
        Assert.That(work.Replay, Throws.TypeOf<OperationCanceledException>());
        for (int i = 0; i < 3; i++)
        {
            backend.Upload(new float[8 * 64], z);
            work.Replay();
            Assert.That(Download(z).AsSpan().SequenceEqual(expected), $"replay {i}");
        }

        Assert.That(calls, Is.EqualTo(backend.UsesGraphs ? 3 : 5));
        backend.BeginPlacement();
    }

    [Test]
    public void Nothing_that_waits_for_the_device_can_be_recorded()
    {
        Tensor x = New(DType.F32, 4);
        using IRecordedWork work = backend.Record(() => Download(x));
        work.Replay();
        Assert.That(work.Replay, Throws.InvalidOperationException);
        x.Storage.Dispose();
    }

    [Test]
    public void A_repeated_product_allocates_no_managed_memory()
    {
        using IDisposable placement = backend.BeginPlacement();
        LinearWeight weight = backend.PlaceLinear([Host(Values(64 * 64, 9), 64, 64)], Host(Values(64, 10), 64));
        Tensor x = New(activation, 8, 64), y = New(activation, 8, 64);
        backend.Upload(Values(8 * 64, 11), x);
        for (int i = 0; i < 3; i++)
        {
            backend.Linear(x, weight, y);
            backend.Pace();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            backend.Linear(x, weight, y);
            backend.Pace();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        backend.BeginPlacement();
    }

    [Test]
    public void Freed_weights_are_freed_and_refused_memory_says_what_was_free()
    {
        long held = backend.Memory.AllocatedBytes;
        for (int i = 0; i < 3; i++)
        {
            using IDisposable placement = backend.BeginPlacement();
            backend.PlaceLinear([Host(new float[4096 * 1024], 4096, 1024)]);
            backend.PlaceVector(Host(new float[100], 100));
        }

        backend.BeginPlacement();
        using CudaBackend limited = new(0, activation, 200L << 20);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(backend.Memory.AllocatedBytes, Is.EqualTo(held));
            Assert.That(() => backend.Allocate(1L << 42), Throws.TypeOf<DeviceMemoryException>().With.Property("NeededBytes").EqualTo(1L << 42));
            Assert.That(() => limited.Allocate(300L << 20), Throws.TypeOf<DeviceMemoryException>().With.Message.Contains("136.0 MiB are free"));
            Assert.That(limited.FreeBytes, Is.EqualTo((200L << 20) - GemmEngine.WorkspaceBytes));
        }
    }

    private Tensor New(DType type, params int[] extents)
    {
        Shape shape = new(extents);
        return new Tensor(backend.Allocate(shape.Count * type.SizeBytes()), type, shape);
    }

    private float[] Download(Tensor tensor)
    {
        float[] values = new float[tensor.Count];
        backend.Download(tensor, values);
        return values;
    }

    private static Tensor Host(float[] values, params int[] extents)
    {
        Tensor tensor = new(new HostStorage(values.Length * sizeof(float)), DType.F32, new Shape(extents));
        values.CopyTo(tensor.AsSpan<float>());
        return tensor;
    }

    private static float[] Values(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
    }
}
