using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class LinearTests
{
    [Test]
    public void Linear_matches_double_precision_at_odd_sizes(
        [ValueSource(typeof(HeavyOperators), nameof(HeavyOperators.Widths))] VectorWidth width,
        [ValueSource(typeof(HeavyOperators), nameof(HeavyOperators.Types))] DType type)
    {
        using CpuBackend backend = HeavyOperators.Backend(width);
        Random random = new(42);
        for (int i = 0; i < 60; i++)
        {
            Check(backend, random, [type], random.Next(1, 70), [random.Next(1, 70)], random.Next(1, 70), random.Next(2) == 0, random.Next(4));
        }
    }

    [TestCase(1, 1, 1)]
    [TestCase(1, 257, 777)]
    [TestCase(191, 65, 513)]
    [TestCase(193, 33, 300)]
    [TestCase(389, 515, 600)]
    [TestCase(1056, 130, 1025)]
    public void Linear_matches_double_precision_across_block_borders(int rows, int outputs, int inputs)
    {
        foreach (VectorWidth width in HeavyOperators.Widths.Where(GemmLayout.IsSupported))
        {
            using CpuBackend backend = HeavyOperators.Backend(width);
            Check(backend, new Random(rows), [DType.BF16], rows, [outputs], inputs, true, 3);
        }
    }

    [Test]
    public void Linear_stacks_parts_of_different_types([ValueSource(typeof(HeavyOperators), nameof(HeavyOperators.Widths))] VectorWidth width, [Values(3, 200)] int rows)
    {
        using CpuBackend backend = HeavyOperators.Backend(width);
        Check(backend, new Random(1), [DType.BF16, DType.F32, DType.F16], rows, [21, 40, 1], 70, true, 0);
        Check(backend, new Random(2), [DType.F32, DType.BF16], rows, [64, 32], 290, false, 5);
    }

    [Test]
    public void A_row_has_the_same_bits_in_every_batch_on_any_number_of_threads([ValueSource(typeof(HeavyOperators), nameof(HeavyOperators.Widths))] VectorWidth width)
    {
        const int Inputs = 700, Outputs = 77, Rows = 1000;
        Random random = new(7);
        LinearWeight weight = new([HeavyOperators.Random(random, DType.BF16, Outputs, Inputs)], HeavyOperators.Random(random, DType.F32, Outputs));
        Tensor x = HeavyOperators.Random(random, DType.F32, Rows, Inputs);
        Tensor all = HeavyOperators.Zeros(DType.F32, Rows, Outputs);
        using CpuBackend backend = HeavyOperators.Backend(width), alone = HeavyOperators.Backend(width, 1), many = HeavyOperators.Backend(width, 5);
        backend.Linear(x, weight, all);
        foreach (int rows in (ReadOnlySpan<int>)[1, 2, 5, 17, 33, 192, 193, 256])
        {
            foreach (CpuBackend other in (ReadOnlySpan<CpuBackend>)[backend, alone, many])
            {
                Tensor some = HeavyOperators.Zeros(DType.F32, rows, Outputs);
                other.Linear(x.Slice(100, rows), weight, some);
                Assert.That(some.AsSpan<uint>().SequenceEqual(all.Slice(100, rows).AsSpan<uint>()), Is.True, $"{rows} rows on {other.Threads} threads");
            }
        }
    }

    [Test]
    public void Every_vector_width_gives_the_same_bits()
    {
        VectorWidth[] widths = [.. HeavyOperators.Widths.Where(GemmLayout.IsSupported)];
        if (!System.Runtime.Intrinsics.X86.Fma.IsSupported && !System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported)
        {
            Assert.Ignore("This processor has no fused multiply-add.");
        }

        Random random = new(9);
        LinearWeight weight = new([HeavyOperators.Random(random, DType.F16, 45, 600)]);
        Tensor x = HeavyOperators.Random(random, DType.F32, 31, 600);
        Tensor first = HeavyOperators.Zeros(DType.F32, 31, 45);
        using CpuBackend reference = HeavyOperators.Backend(VectorWidth.Bits128);
        reference.Linear(x, weight, first);
        foreach (VectorWidth width in widths)
        {
            using CpuBackend backend = HeavyOperators.Backend(width);
            Tensor y = HeavyOperators.Zeros(DType.F32, 31, 45);
            backend.Linear(x, weight, y);
            Assert.That(y.AsSpan<uint>().SequenceEqual(first.AsSpan<uint>()), Is.True, width.ToString());
        }
    }

    [Test]
    public unsafe void The_eight_row_tile_gives_the_bits_of_the_smaller_ones([Values] bool accumulate, [Values(1, 37, GemmLayout.Depth)] int depth)
    {
        Random random = new(depth);
        Tensor a = HeavyOperators.Random(random, DType.F32, 8, GemmLayout.Stride), panel = HeavyOperators.Random(random, DType.F32, depth, 8);
        Tensor eight = HeavyOperators.Random(random, DType.F32, 8, 8), single = HeavyOperators.Zeros(DType.F32, 8, 8);
        eight.AsSpan<float>().CopyTo(single.AsSpan<float>());
        fixed (float* from = a.AsSpan<float>(), b = panel.AsSpan<float>(), c = eight.AsSpan<float>(), d = single.AsSpan<float>())
        {
            GemmKernel128.Multiply8(from, b, depth, c, 8, accumulate);
            for (int row = 0; row < 8; row++)
            {
                GemmKernel128.Multiply(1, from + (row * GemmLayout.Stride), b, depth, d + (row * 8), 8, accumulate);
            }
        }

        Assert.That(eight.AsSpan<uint>().SequenceEqual(single.AsSpan<uint>()), Is.True);
        GC.KeepAlive(a.Storage);
        GC.KeepAlive(panel.Storage);
        GC.KeepAlive(eight.Storage);
        GC.KeepAlive(single.Storage);
    }

    [Test]
    [NonParallelizable]
    public void Linear_allocates_nothing_after_the_first_pass()
    {
        using CpuBackend backend = new(2);
        Random random = new(3);
        LinearWeight weight = new([HeavyOperators.Random(random, DType.BF16, 96, 300), HeavyOperators.Random(random, DType.BF16, 64, 300)]);
        Tensor few = HeavyOperators.Random(random, DType.F32, 7, 300), many = HeavyOperators.Random(random, DType.F32, 400, 300);
        Tensor fewOut = HeavyOperators.Zeros(DType.F32, 7, 160), manyOut = HeavyOperators.Zeros(DType.F32, 400, 160);
        long allocated = long.MaxValue;

        // The runtime itself may allocate now and then, so one clean pass of several is the proof.
        for (int pass = 0; pass < 5 && allocated != 0; pass++)
        {
            backend.Linear(few, weight, fewOut);
            backend.Linear(many, weight, manyOut);
            long before = GC.GetTotalAllocatedBytes(true), mine = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++)
            {
                backend.Linear(few, weight, fewOut);
                backend.Linear(many, weight, manyOut);
            }

            mine = GC.GetAllocatedBytesForCurrentThread() - mine;
            allocated = GC.GetTotalAllocatedBytes(true) - before;
            Assert.That(mine, Is.Zero, "bytes on the calling thread");
        }

        Assert.That(allocated, Is.Zero, "bytes on all threads");
    }

    [Test]
    public void Infinities_subnormals_and_NaN_of_half_precision_are_widened_exactly()
    {
        ushort[] bits = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0x0200, 0x8203, 0x5555];
        Tensor half = HeavyOperators.Zeros(DType.F16, 5, bits.Length);
        for (int r = 0; r < 5; r++)
        {
            bits.CopyTo(half.AsSpan<ushort>()[(r * bits.Length)..]);
        }

        using CpuBackend backend = new(1);
        float[] wide = new float[half.Count];
        backend.Download(half, wide);
        for (int i = 0; i < wide.Length; i++)
        {
            Assert.That(wide[i], Is.EqualTo((float)BitConverter.UInt16BitsToHalf(bits[i % bits.Length])), $"0x{bits[i % bits.Length]:X4}");
        }
    }

    [Test]
    public void Shapes_that_do_not_fit_are_refused_with_the_shapes_in_the_message()
    {
        using CpuBackend backend = new(1);
        LinearWeight weight = new([HeavyOperators.Zeros(DType.BF16, 8, 4)]);
        Tensor x = HeavyOperators.Zeros(DType.F32, 3, 4), y = HeavyOperators.Zeros(DType.F32, 3, 8);
        Assert.That(() => backend.Linear(HeavyOperators.Zeros(DType.F32, 3, 5), weight, y), Throws.ArgumentException.With.Message.Contains("[8, 4]").And.Message.Contains("[3, 5]"));
        Assert.That(() => backend.Linear(HeavyOperators.Zeros(DType.BF16, 3, 4), weight, y), Throws.ArgumentException.With.Message.Contains("BF16 [3, 4]"));
        Assert.That(() => backend.Linear(x, weight, HeavyOperators.Zeros(DType.F32, 2, 8)), Throws.ArgumentException.With.Message.Contains("[3, 8]").And.Message.Contains("[2, 8]"));
        Assert.That(() => backend.Linear(x, weight, HeavyOperators.Zeros(DType.F32, 3, 9).Columns(0, 8)), Throws.ArgumentException);
    }

    private static void Check(CpuBackend backend, Random random, DType[] types, int rows, int[] outputs, int inputs, bool hasBias, int gap)
    {
        int total = outputs.Sum();
        Tensor wide = HeavyOperators.Random(random, DType.F32, rows, inputs + gap);
        Tensor x = wide.Columns(gap, inputs);
        Tensor[] parts = [.. outputs.Select((n, i) => HeavyOperators.Random(random, types[i % types.Length], n, inputs))];
        Tensor bias = hasBias ? HeavyOperators.Random(random, DType.F32, total) : default;
        Tensor y = HeavyOperators.Random(random, DType.F32, rows, total);
        backend.Linear(x, new LinearWeight(parts, bias), y);

        double[] a = HeavyOperators.Values(wide), w = [.. parts.SelectMany(HeavyOperators.Values)], b = hasBias ? HeavyOperators.Values(bias) : new double[total];
        double[] expected = new double[rows * total], bounds = new double[rows * total];
        for (int m = 0; m < rows; m++)
        {
            for (int n = 0; n < total; n++)
            {
                double sum = b[n], magnitude = Math.Abs(b[n]);
                for (int k = 0; k < inputs; k++)
                {
                    double product = a[(m * (inputs + gap)) + gap + k] * w[(n * inputs) + k];
                    sum += product;
                    magnitude += Math.Abs(product);
                }

                expected[(m * total) + n] = sum;
                bounds[(m * total) + n] = HeavyOperators.Bound(inputs, 1, magnitude);
            }
        }

        HeavyOperators.AssertWithin(y, expected, bounds, $"[{rows}, {inputs}] x {string.Join(" + ", parts)}, gap {gap}");
    }
}
