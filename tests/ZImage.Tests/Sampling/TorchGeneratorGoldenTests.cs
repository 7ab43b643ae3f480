using System.Runtime.InteropServices;
using NUnit.Framework;
using ZImage.Sampling;

namespace ZImage.Tests.Sampling;

/// <summary>Draws against PyTorch's, bit for bit (golden/noise: PyTorch 2.11 with CUDA 13.0, H200, x86-64 with AVX-512).</summary>
public sealed class TorchGeneratorGoldenTests
{
    private static IEnumerable<TestCaseData> Draws()
    {
        foreach (string device in (string[])["cpu", "cuda"])
        {
            foreach (ulong seed in (ulong[])[0, 42, (1ul << 31) + 5, (1ul << 40) + 3])
            {
                foreach (int count in (int[])[1, 5, 15, 16, 17, 100, 4099, 16384])
                {
                    yield return new TestCaseData($"{device}_{seed}_{count}", device, seed, count);
                }
            }
        }
    }

    [TestCaseSource(nameof(Draws))]
    public void First_draw_of_a_seed_is_PyTorchs(string golden, string device, ulong seed, int count)
    {
        float[] expected = NoiseGoldens.Get(golden);
        float[] actual = new float[count];
        Create(device, seed).Normal(actual);
        AssertSameBits(actual, expected);
    }

    [TestCase("cpu")]
    [TestCase("cuda")]
    public void Second_draw_continues_as_PyTorchs_does(string device)
    {
        float[] expected = NoiseGoldens.Get($"{device}_7_second");
        float[] actual = new float[16 * 8 * 8];
        TorchGenerator generator = Create(device, 7);
        generator.Normal(actual);
        generator.Normal(actual);
        AssertSameBits(actual, expected);
    }

    [TestCase(1)]
    [TestCase(4)]
    public void Cuda_draw_of_several_rounds_is_PyTorchs_on_any_number_of_threads(int threads)
    {
        // Every 97th of 16 * 512 * 512 values: more than the 4 * 270336 that the GPU's threads draw in one round.
        float[] expected = NoiseGoldens.Get("cuda_7_big_tail");
        float[] all = new float[16 * 512 * 512];
        new TorchCudaGenerator(7) { MaxThreads = threads }.Normal(all);
        AssertSameBits([.. all.Where((_, i) => i % 97 == 0)], expected);
    }

    [Test]
    public void Single_cpu_values_share_pairs_as_one_small_draw_does()
    {
        float[] expected = NoiseGoldens.Get("cpu_42_15");
        float[] actual = new float[15];
        TorchCpuGenerator generator = new(42);
        for (int i = 0; i < actual.Length; i++)
        {
            generator.Normal(actual.AsSpan(i, 1));
        }

        AssertSameBits(actual, expected);
    }

    private static TorchGenerator Create(string device, ulong seed) =>
        TorchGenerator.Create(device == "cpu" ? NoiseGenerator.TorchCpu : NoiseGenerator.TorchCuda, seed);

    private static void AssertSameBits(float[] actual, float[] expected)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        ReadOnlySpan<int> a = MemoryMarshal.Cast<float, int>(actual);
        ReadOnlySpan<int> b = MemoryMarshal.Cast<float, int>(expected);
        int first = a.CommonPrefixLength(b);
        int different = 0;
        for (int i = first; i < a.Length; i++)
        {
            different += a[i] != b[i] ? 1 : 0;
        }

        Assert.That(different, Is.Zero, () => $"of {actual.Length} values; the first is [{first}]: {actual[first]:R}, not {expected[first]:R}");
    }
}
