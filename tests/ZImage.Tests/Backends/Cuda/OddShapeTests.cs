using System.Runtime.InteropServices;
using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;
using ZImage.Tests.Golden;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>
/// What <see cref="RandomShapeTests"/> leaves out, for every operator: odd sizes, unaligned rows, outputs that are their inputs, elements that must stay as they are,
/// ragged items of different lengths, the same bits twice. The reference is the CPU backend, which the goldens hold to PyTorch;
/// itself it gives the same bits twice.
/// </summary>
/// <remarks>
/// Bounds. F32: the golden tests' own. BF16: inputs are representable, so a value is off by its roundings alone. The processor's own result, rounded once,
/// says what one of them costs on these very values; with k that add up, the NMSE is at most 2·k² of that, and 1e-7 (the golden rule, with the rounded
/// result in PyTorch's place). An element is off by at most k units of 2^-8, half a unit in the last of 8 places, of the largest value among the results and
/// the terms that they are sums of.
/// </remarks>
internal sealed class OddShapeTests
{
    private const int SmallRuns = 6;
    private const int LargeRuns = 4;

    // Half a unit in the last place, relative to the value.
    private const double Rounding = 1.0 / 256;

    private static IEnumerable<TestCaseData> Cases() =>
        from backend in GoldenBackend.All.Select(backend => backend.Name)
        from op in RandomOperators.All
        from i in Enumerable.Range(0, SmallRuns + LargeRuns)
        let large = i >= SmallRuns
        select new TestCaseData(backend, op.Name, i, large).SetArgDisplayNames(backend, op.Name, $"{(large ? "large" : "small")}.{i}");

    [TestCaseSource(nameof(Cases))]
    public void Random_shape_gives_what_the_processor_gives(string backendName, string operatorName, int seed, bool large)
    {
        RandomOperator op = RandomOperators.All.Single(candidate => candidate.Name == operatorName);
        using BackendLease lease = GoldenBackend.Open(backendName);
        bool rounds = lease.Backend.ActivationType == DType.BF16;
        using CpuBackend processor = new();
        (List<float[]> expected, _) = Run(op, processor, seed, large, rounds);
        (List<float[]> actual, double magnitude) = Run(op, lease.Backend, seed, large, rounds);
        (List<float[]> again, _) = Run(op, lease.Backend, seed, large, rounds);
        Assert.That(actual, Has.Count.EqualTo(expected.Count));
        for (int i = 0; i < expected.Count; i++)
        {
            string what = $"{operatorName}, result {i}";
            Assert.That(SameBits(again[i], actual[i]), Is.True, $"{what}: the same bits twice");
            Compare(what, op.Roundings, rounds, magnitude, actual[i], expected[i]);
        }
    }

    private static (List<float[]> Results, double Magnitude) Run(RandomOperator op, IBackend backend, int seed, bool large, bool rounds)
    {
        // One seed per operator and run; the order of the list does not matter.
        using RandomRun run = new(backend, HashOf(op.Name) + seed, large, rounds);
        op.Run(run);
        return (run.Results, run.Magnitude);
    }

    private static void Compare(string what, int roundings, bool rounds, double magnitude, float[] actual, float[] expected)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), what);

        // What an operator leaves alone is NaN before and after, on both.
        int[] untouched = [.. Enumerable.Range(0, expected.Length).Where(i => float.IsNaN(expected[i]))];
        Assert.That(untouched.All(i => float.IsNaN(actual[i])), Is.True, $"{what}: elements that belong to nobody are left alone");
        float[] a = [.. actual.Where((_, i) => !float.IsNaN(expected[i]))], e = [.. expected.Where(value => !float.IsNaN(value))];
        if (roundings < 0)
        {
            // The processor's activations are F32; a bfloat16 backend rounds what it is given.
            Tolerance.Exact<float>(what, a, rounds ? Rounded(e, a) : e);
        }
        else if (!rounds || roundings == 0)
        {
            Tolerance.Float32(what, a, e);
        }
        else
        {
            float[] once = [.. e.Select(value => BFloat16.FromSingle(value).ToSingle())];
            Tolerance.Bound(what, "NMSE", Tolerance.Nmse(a, e), (2 * roundings * roundings * Tolerance.Nmse(once, e)) + 1e-7);
            double largest = 0, difference = 0;
            for (int i = 0; i < e.Length; i++)
            {
                largest = Math.Max(largest, Math.Abs(e[i]));
                difference = Math.Max(difference, Math.Abs((double)a[i] - e[i]));
            }

            Tolerance.Bound(what, "largest error", difference, roundings * Rounding * Math.Max(largest, magnitude));
        }
    }

    /// <summary>The expected values as the backend can hold them: rounded, unless the result is F32 and has them as they are.</summary>
    private static float[] Rounded(float[] expected, float[] actual) =>
        actual.AsSpan().SequenceEqual(expected) ? expected : [.. expected.Select(value => BFloat16.FromSingle(value).ToSingle())];

    private static bool SameBits(float[] left, float[] right) =>
        MemoryMarshal.AsBytes<float>(left).SequenceEqual(MemoryMarshal.AsBytes<float>(right));

    private static int HashOf(string name) => name.Aggregate(17, (hash, letter) => (hash * 31) + letter) & 0xffff;
}
