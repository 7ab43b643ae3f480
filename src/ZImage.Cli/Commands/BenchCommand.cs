using System.CommandLine;
using System.Globalization;
using ZImage.Backends.Cuda;
using ZImage.Diagnostics;

namespace ZImage.Cli.Commands;

/// <summary><c>zimage bench</c>: what the device can do, and what the engine makes of it.</summary>
internal static class BenchCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CommandContext context)
    {
        Option<string> model = CommonOptions.Text(
            "--model", "-m", "DIR", "Checkpoint folder, or synthetic:turbo:K [default: ZIMAGE_MODEL; else synthetic:turbo:0 on a GPU, synthetic:tiny:0 on the processor]");
        Option<string[]> sizes = new("--size")
        {
            Description = "Size in pixels, such as 1024x1024, or 1024x1024x4 for four pictures at once; may be repeated [default: 1024x1024 on a GPU, 256x256 on the processor]",
            HelpName = "WxH",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int?> repeats = CommonOptions.Int("--repeats", null, 1, 1000, "Values per measurement; their median counts [default: 5]");
        Option<string> device = CommonOptions.Device();
        Option<string> precision = CommonOptions.Precision();
        Option<int?> threads = CommonOptions.Int("--threads", null, 0, 1024, "Processor threads; 0 for all [default: 0] [env: ZIMAGE_THREADS]");
        Option<double?> memoryLimit = CommonOptions.MemoryLimit();
        Option<bool> kernels = CommonOptions.Flag("--kernels", "Time every operator of one evaluation and one decoding instead of the stages");
        Option<string[]> report = new("--report")
        {
            Description = "Measure nothing: print the results in these files of --json side by side, as Markdown",
            HelpName = "FILE",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<bool> json = CommonOptions.Json();
        Command command = new("bench", "Measure the device and a model on it") { model, sizes, repeats, device, precision, memoryLimit, threads, kernels, report, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            if (parse.GetValue(report) is { Length: > 0 } files)
            {
                BenchTables.Compare(context.Out, [.. files.Select(BenchReport.Read)]);
                return ExitCodes.Ok;
            }

            string place = CommonOptions.Device(parse.GetValue(device), context.Environment);
            bool gpu = place != "cpu" && (place != "auto" || CudaDevice.TryFindUsable(out _, out _));
            string? named = parse.GetValue(model) ?? context.Environment(ModelLocator.Variable);
            BenchRun run = new(context)
            {
                Model = string.IsNullOrEmpty(named) ? (gpu ? "synthetic:turbo:0" : "synthetic:tiny:0") : ModelLocator.Locate(named, context),
                Sizes = Sizes(parse.GetValue(sizes) is { Length: > 0 } given ? given : [gpu ? "1024x1024" : "256x256"]),
                Repeats = parse.GetValue(repeats) ?? 5,
                Options = new PipelineOptions
                {
                    Device = place,
                    Precision = CommonOptions.Precision(parse.GetValue(precision)),
                    Threads = CommonOptions.Threads(parse.GetValue(threads), context.Environment),
                    DeviceMemoryLimit = CommonOptions.Bytes(parse.GetValue(memoryLimit)),
                },
            };
            BenchReport result = parse.GetValue(kernels)
                ? await run.ProfileAsync(cancellationToken).ConfigureAwait(false)
                : await run.MeasureAsync(cancellationToken).ConfigureAwait(false);
            if (parse.GetValue(json))
            {
                context.Out.WriteLine(result.ToJson());
            }
            else
            {
                BenchTables.Write(context.Out, result);
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static BenchSize[] Sizes(string[] texts) => [.. texts.Select(text =>
        BenchSize.TryParse(text, out BenchSize size) ? size : throw new UsageException(
            $"--size: '{text}' is not a size such as 1024x1024 or 1024x1024x4", "give width x height in pixels, to 65536 each, and x pictures, to 64, for several at once"))];
}
