using System.Diagnostics;
using ZImage.Backends;

namespace ZImage.Diagnostics;

/// <summary>Collects measured values; each quantity is a median with its spread.</summary>
/// <param name="repeats">How often each is measured, after warming up.</param>
/// <param name="told">Called with each result as it comes.</param>
internal sealed class Measurements(int repeats, Action<BenchResult>? told)
{
    private readonly List<BenchResult> results = [];

    /// <summary>What was measured so far.</summary>
    public IReadOnlyList<BenchResult> Results => results;

    /// <summary>Takes values.</summary>
    /// <returns>The median.</returns>
    public double Add(string name, string @case, string unit, params double[] values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        BenchResult result = new(name, @case, unit, Math.Round(median, 4), Math.Round(sorted[0], 4), Math.Round(sorted[^1], 4), values.Length);
        results.Add(result);
        told?.Invoke(result);
        return median;
    }

    /// <summary>Milliseconds of wall-clock time from an idle device to an idle device.</summary>
    public double Time(string name, string @case, IBackend backend, Action work, int warm = 1)
    {
        double[] values = new double[repeats];
        for (int i = -warm; i < repeats; i++)
        {
            backend.Synchronize();
            long start = Stopwatch.GetTimestamp();
            work();
            backend.Synchronize();
            if (i >= 0)
            {
                values[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
        }

        return Add(name, @case, "ms", values);
    }

    /// <summary>Amounts per second: each value is taken over <paramref name="inner"/> calls in a row.</summary>
    public double Rate(string name, string @case, string unit, double amount, IBackend backend, Action work, int inner)
    {
        double[] values = new double[repeats];
        for (int i = -1; i < repeats; i++)
        {
            backend.Synchronize();
            long start = Stopwatch.GetTimestamp();
            for (int j = 0; j < inner; j++)
            {
                work();
            }

            backend.Synchronize();
            if (i >= 0)
            {
                values[i] = amount * inner / Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }

        return Add(name, @case, unit, values);
    }
}
