using System.Text.Json;
using System.Text.Json.Serialization;

namespace ZImage.Diagnostics;

/// <summary>What <c>zimage bench</c> and golden/time_reference.py measure, in one schema.</summary>
internal sealed record BenchReport
{
    /// <summary>Grows when the meaning of a field changes.</summary>
    public int SchemaVersion { get; init; } = 1;

    /// <summary>What computed: <c>zimage 0.1.0</c>, or PyTorch with its version and mode.</summary>
    public required string Engine { get; init; }

    /// <summary>What it computed on.</summary>
    public required string Device { get; init; }

    /// <summary>The checkpoint.</summary>
    public required string Model { get; init; }

    /// <summary>Day of the run, UTC, yyyy-MM-dd.</summary>
    public required string Date { get; init; }

    /// <summary>The measurements, in the order in which they were made.</summary>
    public required IReadOnlyList<BenchResult> Results { get; init; }

    /// <summary>Operators of one network evaluation and one decoding; null where they were not asked for.</summary>
    public IReadOnlyList<KernelResult>? Kernels { get; init; }

    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, BenchJson.Default.BenchReport);

    /// <summary>Reads a report.</summary>
    /// <exception cref="InvalidRequestException">The file is no report, or one of another version.</exception>
    public static BenchReport Read(string path)
    {
        BenchReport? report;
        try
        {
            report = JsonSerializer.Deserialize(File.ReadAllBytes(path), BenchJson.Default.BenchReport);
        }
        catch (JsonException exception)
        {
            throw NoReport(path, exception.Message, exception);
        }

        if (report is null)
        {
            throw NoReport(path, "It holds null.");
        }

        return report.SchemaVersion == 1 ? report : throw new InvalidRequestException($"{path} is a report of another version.", "Measure again with this one.");
    }

    private static InvalidRequestException NoReport(string path, string why, Exception? cause = null) =>
        new($"{path} is no report of `zimage bench --json`: {why}", "Name files that `zimage bench --json` has written.", cause);
}

/// <summary>One measured quantity.</summary>
/// <param name="Name">What: <c>forward</c>, <c>vae_decode</c> and so on.</param>
/// <param name="Case">Of which input: <c>1024x1024</c>, <c>64 tokens</c>.</param>
/// <param name="Unit">ms, s, GB, GB/s or TFLOP/s.</param>
/// <param name="Median">The median.</param>
/// <param name="Low">The smallest value.</param>
/// <param name="High">The largest.</param>
/// <param name="Repeats">Number of values.</param>
internal sealed record BenchResult(string Name, string Case, string Unit, double Median, double Low, double High, int Repeats);

/// <summary>One operator with one shape.</summary>
/// <param name="Operator">The operator.</param>
/// <param name="Shape">What decides its cost.</param>
/// <param name="Kernels">Kernels and products that a call launches.</param>
/// <param name="Calls">Number of calls.</param>
/// <param name="Ms">Time of all calls.</param>
/// <param name="Gflop">10^9 floating-point operations of all calls.</param>
/// <param name="Gbyte">10^9 bytes that all calls move at least.</param>
/// <param name="Share">The time that the measured ceilings allow, divided by the time taken: 1 is the ceiling.</param>
internal sealed record KernelResult(string Operator, string Shape, string Kernels, int Calls, double Ms, double Gflop, double Gbyte, double Share);

/// <summary>JSON for reports, made at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchJson : JsonSerializerContext;
