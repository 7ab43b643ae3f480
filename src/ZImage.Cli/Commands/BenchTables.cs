using System.Globalization;
using ZImage.Diagnostics;

namespace ZImage.Cli.Commands;

/// <summary>Prints reports for people: one as plain columns, several side by side as Markdown.</summary>
internal static class BenchTables
{
    private const int MostKernels = 40;

    /// <summary>One report.</summary>
    public static void Write(TextWriter output, BenchReport report)
    {
        output.WriteLine($"{report.Engine} on {report.Device}, {report.Model}, {report.Date}");
        output.WriteLine();
        List<string[]> rows = [["what", "case", "median", "low", "high", "unit"]];
        rows.AddRange(report.Results.Select(result => new[]
        {
            result.Name, result.Case, Number(result.Median), Number(result.Low), Number(result.High), result.Unit,
        }));
        Columns(output, rows);
        if (report.Kernels is not { Count: > 0 } kernels)
        {
            return;
        }

        output.WriteLine();
        rows = [["operator", "shape", "calls", "ms", "TFLOP/s", "GB/s", "of ceiling", "kernels"]];
        rows.AddRange(kernels.Take(MostKernels).Select(kernel => new[]
        {
            kernel.Operator,
            kernel.Shape,
            Number(kernel.Calls),
            Number(kernel.Ms),
            kernel.Gflop > 0 ? Number(kernel.Gflop / kernel.Ms) : "-",
            Number(kernel.Gbyte / kernel.Ms * 1e3),
            kernel.Share.ToString("P0", CultureInfo.InvariantCulture),
            kernel.Kernels,
        }));
        Columns(output, rows);
        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kernels.Sum(kernel => kernel.Calls)} calls, {kernels.Sum(kernel => kernel.Ms):F3} ms in all"));
    }

    /// <summary>Several reports, one column each.</summary>
    public static void Compare(TextWriter output, IReadOnlyList<BenchReport> reports)
    {
        output.WriteLine($"| | | {string.Join(" | ", reports.Select(report => $"{report.Engine}, {report.Device}, {report.Model}, {report.Date}"))} |");
        output.WriteLine($"| --- | --- |{string.Concat(reports.Select(_ => " ---: |"))}");
        foreach ((string Name, string Case, string Unit) row in reports.SelectMany(report => report.Results).Select(result => (result.Name, result.Case, result.Unit)).Distinct())
        {
            IEnumerable<string> cells = reports.Select(report =>
                report.Results.FirstOrDefault(result => (result.Name, result.Case, result.Unit) == row) is { } result ? $"{Number(result.Median)} {result.Unit}" : "");
            output.WriteLine($"| {row.Name} | {row.Case} | {string.Join(" | ", cells)} |");
        }
    }

    private static void Columns(TextWriter output, List<string[]> rows)
    {
        int[] widths = [.. rows[0].Select((_, i) => rows.Max(row => row[i].Length))];
        foreach (string[] row in rows)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
        }
    }

    private static string Number(double value) => value.ToString(Math.Abs(value) >= 1000 ? "F0" : Math.Abs(value) >= 10 ? "F2" : "F4", CultureInfo.InvariantCulture);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
