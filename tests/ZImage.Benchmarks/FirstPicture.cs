using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace ZImage.Benchmarks;

/// <summary>
/// From process start to PNG: runs the tool as a user does, again and again, and prints medians. The clock starts before the process and stops
/// when it has ended, so that the runtime's start, loading and writing all count. The first run only warms the disk's cache.
/// </summary>
internal sealed class FirstPicture
{
    private const int Goal = 2000;

    private static readonly string[] s_stages = ["load_ms", "text_encoder_ms", "denoising_ms", "decoder_ms", "write_ms", "total_ms"];

    private string tool = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "zimage.exe" : "zimage");
    private int runs = 9;
    private int cores = 2;
    private string? model;

    public static int Run(ReadOnlySpan<string> args)
    {
        FirstPicture benchmark = new();
        for (int i = 0; i + 1 < args.Length; i += 2)
        {
            switch (args[i])
            {
                case "--tool":
                    benchmark.tool = Path.GetFullPath(args[i + 1]);
                    break;
                case "--model":
                    benchmark.model = Path.GetFullPath(args[i + 1]);
                    break;
                case "--runs":
                    benchmark.runs = int.Parse(args[i + 1], CultureInfo.InvariantCulture);
                    break;
                case "--cores":
                    benchmark.cores = int.Parse(args[i + 1], CultureInfo.InvariantCulture);
                    break;
                default:
                    Console.Error.WriteLine($"There is no option {args[i]}.");
                    return 2;
            }
        }

        return benchmark.Measure();
    }

    private int Measure()
    {
        // Children inherit it.
        if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())
        {
            using Process self = Process.GetCurrentProcess();
            self.ProcessorAffinity = (1 << Math.Min(cores, Environment.ProcessorCount)) - 1;
        }

        string folder = Directory.CreateTempSubdirectory("zimage-first-").FullName;
        try
        {
            List<double> walls = [];
            List<double[]> stages = [];
            for (int run = 0; run <= runs; run++)
            {
                (double wall, double[] stage) = Draw(folder);
                if (run > 0)
                {
                    walls.Add(wall);
                    stages.Add(stage);
                }
            }

            Print(walls, stages);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private (double Wall, double[] Stages) Draw(string folder)
    {
        ProcessStartInfo start = new(tool)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = folder,
        };
        string[] arguments = ["generate", "-p", "a red star above a blue circle, with the text \"HELLO\" in black at the bottom", "-s", "1", "--device", "cpu", "-o", "picture.png", "--force", "--json"];
        foreach (string argument in arguments.Concat(model is null ? [] : ["-m", model]))
        {
            start.ArgumentList.Add(argument);
        }

        long began = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        double wall = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        if (process.ExitCode != 0 || !File.Exists(Path.Combine(folder, "picture.png")))
        {
            throw new InvalidOperationException($"{tool} ended with {process.ExitCode}: {process.StandardError.ReadToEnd()}");
        }

        using JsonDocument document = JsonDocument.Parse(output);
        JsonElement timings = document.RootElement.GetProperty("timings");
        return (wall, [.. s_stages.Select(stage => timings.GetProperty(stage).GetDouble())]);
    }

    private void Print(List<double> walls, List<double[]> stages)
    {
        Console.WriteLine($"{tool}, {Math.Min(cores, Environment.ProcessorCount)} cores, {runs} runs, medians");
        Console.WriteLine();
        Console.WriteLine("| from process start to PNG | ms |");
        Console.WriteLine("|---|---:|");
        double total = Median([.. stages.Select(stage => stage[^1])]);
        double wall = Median(walls);
        Row("process start and end", wall - total);
        for (int i = 0; i < s_stages.Length - 1; i++)
        {
            int stage = i;
            Row(s_stages[i].Replace("_ms", "", StringComparison.Ordinal).Replace('_', ' '), Median([.. stages.Select(values => values[stage])]));
        }

        Row($"**whole process** (goal {Goal})", wall);
        Console.WriteLine();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"fastest {walls.Min():F0} ms, slowest {walls.Max():F0} ms"));

        static void Row(string name, double milliseconds) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {milliseconds:F0} |"));
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
