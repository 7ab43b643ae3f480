using NUnit.Framework;
using ZImage.Sampling;

namespace ZImage.Tests.Sampling;

public sealed class TorchGeneratorTests
{
    [TestCase(NoiseGenerator.TorchCpu)]
    [TestCase(NoiseGenerator.TorchCuda)]
    public void Values_are_standard_normal(NoiseGenerator kind)
    {
        float[] values = new float[1 << 20];
        TorchGenerator.Create(kind, 2024).Normal(values);
        double n = values.Length;
        double mean = values.Average(v => (double)v);
        double variance = values.Average(v => (double)v * v);
        double fourth = values.Average(v => Math.Pow(v, 4));
        double within = values.Count(v => Math.Abs(v) < 1) / n;

        // Five standard errors of each statistic: var(x) = 1, var(x^2) = 2, var(x^4) = 96, var(|x| < 1) = p (1 - p), p = 0.6826895.
        Assert.That(mean, Is.EqualTo(0).Within(5 / Math.Sqrt(n)));
        Assert.That(variance, Is.EqualTo(1).Within(5 * Math.Sqrt(2 / n)));
        Assert.That(fourth, Is.EqualTo(3).Within(5 * Math.Sqrt(96 / n)));
        Assert.That(within, Is.EqualTo(0.6826895).Within(5 * Math.Sqrt(0.6826895 * 0.3173105 / n)));
    }

    [TestCase(NoiseGenerator.TorchCpu)]
    [TestCase(NoiseGenerator.TorchCuda)]
    public void Later_draws_differ_and_repeat_with_the_seed(NoiseGenerator kind)
    {
        float[][] first = Draw();
        float[][] again = Draw();
        Assert.That(again, Is.EqualTo(first));
        Assert.That(first[1], Is.Not.EqualTo(first[0]));
        Assert.That(first[2], Is.Not.EqualTo(first[1]));

        float[][] Draw()
        {
            TorchGenerator generator = TorchGenerator.Create(kind, 99);
            float[][] draws = [new float[256], new float[256], new float[256]];
            foreach (float[] draw in draws)
            {
                generator.Normal(draw);
            }

            return draws;
        }
    }

    [TestCase(NoiseGenerator.TorchCpu)]
    [TestCase(NoiseGenerator.TorchCuda)]
    public void Empty_draw_leaves_the_state(NoiseGenerator kind)
    {
        TorchGenerator touched = TorchGenerator.Create(kind, 5);
        TorchGenerator fresh = TorchGenerator.Create(kind, 5);
        float[] a = new float[64];
        float[] b = new float[64];
        touched.Normal([]);
        touched.Normal(a);
        fresh.Normal(b);
        Assert.That(a, Is.EqualTo(b));
    }

    [Test]
    public void Cached_cpu_value_outlives_a_large_draw()
    {
        // An odd small draw leaves the second value of its pair in the generator; a draw of 16 or more does not touch it.
        float[] pair = new float[2];
        new TorchCpuGenerator(3).Normal(pair);
        float[] actual = new float[2];
        TorchCpuGenerator generator = new(3);
        generator.Normal(actual.AsSpan(0, 1));
        generator.Normal(new float[32]);
        generator.Normal(actual.AsSpan(1, 1));
        Assert.That(actual, Is.EqualTo(pair));
    }

    [Test]
    public void Cpu_seed_counts_with_its_low_half_and_cuda_seed_with_all_of_it()
    {
        Assert.That(First(NoiseGenerator.TorchCpu, 6 + (1ul << 32)), Is.EqualTo(First(NoiseGenerator.TorchCpu, 6)));
        Assert.That(First(NoiseGenerator.TorchCuda, 6 + (1ul << 32)), Is.Not.EqualTo(First(NoiseGenerator.TorchCuda, 6)));

        static float[] First(NoiseGenerator kind, ulong seed)
        {
            float[] values = new float[16];
            TorchGenerator.Create(kind, seed).Normal(values);
            return values;
        }
    }

    [Test]
    public void Cuda_values_do_not_depend_on_the_number_of_threads()
    {
        float[] alone = new float[(1 << 20) + 3];
        float[] together = new float[alone.Length];
        new TorchCudaGenerator(11, 24) { MaxThreads = 1 }.Normal(alone);
        new TorchCudaGenerator(11, 24) { MaxThreads = -1 }.Normal(together);
        Assert.That(together.AsSpan().SequenceEqual(alone), Is.True);
    }

    [Test]
    public void Cuda_draw_depends_on_the_multiprocessors_only_beyond_the_threads_they_hold()
    {
        float[] small = Draw(8);
        float[] large = Draw(132);
        int threads = 8 * 2048;
        Assert.That(small[..threads], Is.EqualTo(large[..threads]));
        Assert.That(small[threads..], Is.Not.EqualTo(large[threads..]));

        static float[] Draw(int multiprocessors)
        {
            float[] values = new float[20000];
            TorchGenerator.Create(NoiseGenerator.TorchCuda, 1, multiprocessors).Normal(values);
            return values;
        }
    }

    [Test]
    public void Unknown_generator_and_impossible_gpu_are_refused()
    {
        Assert.That(() => TorchGenerator.Create((NoiseGenerator)9, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => TorchGenerator.Create(NoiseGenerator.TorchCuda, 0, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new TorchCudaGenerator(0, 1, 128), Throws.TypeOf<ArgumentOutOfRangeException>());
    }
}
