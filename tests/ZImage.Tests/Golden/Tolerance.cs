using NUnit.Framework;
using ZImage.Tensors;

namespace ZImage.Tests.Golden;

/// <summary>
/// How far a result may be from the reference. Nothing is typed per test: the bounds follow from the number format, or from what PyTorch itself
/// gives in that format. Every check prints the share of its budget that was used.
/// </summary>
internal static class Tolerance
{
    /// <summary>The bound on the normalised mean square error of a float32 result: an error of 1e-5 of the signal.</summary>
    public const double Float32Nmse = 1e-10;

    /// <summary>Σ(actual - reference)² / Σ reference², in double; for an all-zero reference the sum of squares itself.</summary>
    public static double Nmse(ReadOnlySpan<float> actual, ReadOnlySpan<float> reference)
    {
        double error = 0;
        double signal = 0;
        for (int i = 0; i < reference.Length; i++)
        {
            double difference = (double)actual[i] - reference[i];
            error += difference * difference;
            signal += (double)reference[i] * reference[i];
        }

        return signal > 0 ? error / signal : error;
    }

    /// <summary>A float32 result: NMSE at most <see cref="Float32Nmse"/>.</summary>
    public static void Float32(string what, ReadOnlySpan<float> actual, ReadOnlySpan<float> reference)
    {
        SameLength(what, actual.Length, reference.Length);
        Bound(what, "NMSE", Nmse(actual, reference), Float32Nmse);
    }

    /// <summary>
    /// A bfloat16 result, next to PyTorch's own: the largest error at most twice PyTorch's plus twice the rounding of the format at this scale,
    /// and the NMSE at most twice PyTorch's plus 1e-7.
    /// </summary>
    public static void BFloat16(string what, ReadOnlySpan<float> actual, ReadOnlySpan<float> reference, ReadOnlySpan<float> torch)
    {
        SameLength(what, actual.Length, reference.Length);
        SameLength(what, torch.Length, reference.Length);
        double bound = (2 * LargestDifference(torch, reference)) + (2 * LargestRounding(reference));
        Bound(what, "largest error", LargestDifference(actual, reference), bound);
        Bound(what, "NMSE", Nmse(actual, reference), (2 * Nmse(torch, reference)) + 1e-7);
    }

    /// <summary>Data movement: not one element may differ.</summary>
    public static void Exact<T>(string what, ReadOnlySpan<T> actual, ReadOnlySpan<T> expected)
        where T : struct, IEquatable<T>
    {
        SameLength(what, actual.Length, expected.Length);
        int first = actual.CommonPrefixLength(expected);
        Assert.That(first, Is.EqualTo(expected.Length),
            first < expected.Length ? $"{what}: element {first} is {actual[first]}, not {expected[first]}" : what);
    }

    /// <summary>A measured value that must be finite and not above its bound; prints the share used.</summary>
    public static void Bound(string what, string measure, double value, double bound)
    {
        // Comparisons take NaN for smaller than everything, so it is asked for first.
        Assert.That(double.IsFinite(value), Is.True, $"{what}: the {measure} is {value}");
        TestContext.Out.WriteLine($"{what}: {measure} {value:G3} of {bound:G3} ({value / bound:P1} of the budget)");
        Assert.That(value, Is.LessThanOrEqualTo(bound), $"{what}: {measure}");
    }

    private static double LargestDifference(ReadOnlySpan<float> actual, ReadOnlySpan<float> reference)
    {
        double largest = 0;
        for (int i = 0; i < reference.Length; i++)
        {
            double difference = Math.Abs((double)actual[i] - reference[i]);
            largest = double.IsNaN(difference) ? double.NaN : Math.Max(largest, difference);
            if (double.IsNaN(largest))
            {
                break;
            }
        }

        return largest;
    }

    /// <summary>max|(r + 0.3 - 0.3) - r| with each step rounded to bfloat16: what two additions at this scale may cost.</summary>
    private static double LargestRounding(ReadOnlySpan<float> reference)
    {
        double largest = 0;
        float offset = Round(0.3f);
        foreach (float value in reference)
        {
            largest = Math.Max(largest, Math.Abs((double)Round(Round(Round(value) + offset) - offset) - value));
        }

        return largest;
    }

    private static float Round(float value) => ZImage.Tensors.BFloat16.FromSingle(value).ToSingle();

    private static void SameLength(string what, int actual, int expected) =>
        Assert.That(actual, Is.EqualTo(expected), $"{what}: number of elements");
}
