using System.Diagnostics;
using System.Globalization;
using ZImage.Backends;
using ZImage.Backends.Cuda;
using ZImage.Diagnostics;

namespace ZImage.Cli.Commands;

/// <summary>Runs the measurements of <c>bench</c>.</summary>
internal sealed class BenchRun(CommandContext context)
{
    // What the PyTorch pipeline is published to need with its text encoder off the device.
    private const long ShortMemory = 13_700_000_000;

    public required string Model { get; init; }

    public required IReadOnlyList<BenchSize> Sizes { get; init; }

    public required int Repeats { get; init; }

    public required PipelineOptions Options { get; init; }

    /// <summary>Ceilings, stages, the whole path, memory.</summary>
    public async Task<BenchReport> MeasureAsync(CancellationToken cancellationToken)
    {
        Measurements measurements = new(Repeats, Tell);
        IBackend? backend = null;
        string device;
        long start = Stopwatch.GetTimestamp();
        ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Model, Options with { BackendDecorator = opened => backend = opened }, cancellationToken).ConfigureAwait(false);
        await using (pipeline.ConfigureAwait(false))
        {
            measurements.Add("load", Model, "ms", Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            device = pipeline.DeviceName;
            await DrawAsync(pipeline, Sizes[0], 0, cancellationToken).ConfigureAwait(false);
            measurements.Add("first_picture", $"{Sizes[0]}", "s", (DateTime.Now - Process.GetCurrentProcess().StartTime).TotalSeconds);
            foreach (BenchSize size in Sizes)
            {
                await DrawAsync(pipeline, size, 1, cancellationToken).ConfigureAwait(false);

                // What the size before had taken is given back by now.
                (backend as CudaBackend)?.Memory.ResetPeak();
                double[] values = new double[Repeats];
                for (int i = 0; i < Repeats; i++)
                {
                    long begin = Stopwatch.GetTimestamp();
                    await DrawAsync(pipeline, size, i + 2, cancellationToken).ConfigureAwait(false);
                    values[i] = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
                }

                measurements.Add("prompt_to_pixels", $"{size}", "ms", values);
                AddPeak(measurements, "peak_memory", size, backend);
            }

            await pipeline.UseAsync(
                model =>
                {
                    EngineBench bench = new(model, backend!, measurements);
                    bench.Ceilings();
                    bench.TextEncoder(EngineBench.TextTokens);
                    bench.TextEncoder(512);
                    foreach (BenchSize size in Sizes)
                    {
                        bench.Denoising(size);
                        if (size.Images == 1)
                        {
                            bench.Decoder(size);
                        }

                        cancellationToken.ThrowIfCancellationRequested();
                    }

                    bench.Placement();
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
        }

        if (backend is CudaBackend)
        {
            await ShortOfMemoryAsync(measurements, cancellationToken).ConfigureAwait(false);
        }

        // Last, because the first picture counts from the start of the process.
        KernelBuilds(measurements);
        return Report(device, measurements, null);
    }

    /// <summary>Every operator of one evaluation and one decoding.</summary>
    public async Task<BenchReport> ProfileAsync(CancellationToken cancellationToken)
    {
        Measurements measurements = new(Repeats, Tell);
        OperatorProfile? profile = null;
        IBackend? backend = null;
        PipelineOptions options = Options with
        {
            BackendDecorator = opened =>
            {
                backend = opened;
                return new ObservedBackend(opened, profile = new OperatorProfile(opened));
            },
        };
        ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Model, options, cancellationToken).ConfigureAwait(false);
        await using (pipeline.ConfigureAwait(false))
        {
            return await pipeline.UseAsync(
                model =>
                {
                    using (profile)
                    {
                        EngineBench bench = new(model, backend!, measurements);
                        bench.Ceilings();
                        bench.OneOfEach(Sizes[0]);
                        bench.OneOfEach(Sizes[0], profile!.Clear);
                        return Report(pipeline.DeviceName, measurements, profile.Collect());
                    }
                },
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The first size with too little memory for all parts at once, so that the text encoder is off the device while the transformer is on it. Where even
    /// that is too little, as for large pictures, nothing is added.
    /// </summary>
    private async Task ShortOfMemoryAsync(Measurements measurements, CancellationToken cancellationToken)
    {
        IBackend? backend = null;
        PipelineOptions options = Options with { BackendDecorator = opened => backend = opened, DeviceMemoryLimit = Math.Min(Options.DeviceMemoryLimit ?? ShortMemory, ShortMemory) };
        ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Model, options, cancellationToken).ConfigureAwait(false);
        await using (pipeline.ConfigureAwait(false))
        {
            try
            {
                await DrawAsync(pipeline, Sizes[0], 0, cancellationToken).ConfigureAwait(false);
                long begin = Stopwatch.GetTimestamp();
                await DrawAsync(pipeline, Sizes[0], 1, cancellationToken).ConfigureAwait(false);
                measurements.Add("prompt_to_pixels_low", $"{Sizes[0]}", "ms", Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
                AddPeak(measurements, "peak_memory_low", Sizes[0], backend);
            }
            catch (DeviceMemoryException exception)
            {
                context.Error.WriteLine($"peak_memory_low: {exception.Message}");
            }
        }
    }

    private static void AddPeak(Measurements measurements, string name, BenchSize size, IBackend? backend)
    {
        if (backend is CudaBackend cuda)
        {
            measurements.Add(name, $"{size}", "GB", cuda.Memory.PeakBytes / 1e9);
        }
    }

    /// <summary>The kernels from nothing and from the cache, in a cache folder of their own.</summary>
    private void KernelBuilds(Measurements measurements)
    {
        const string Variable = "ZIMAGE_CACHE";
        if (Options.Device == "cpu" || (Options.Device == "auto" && !CudaDevice.TryFindUsable(out _, out _)))
        {
            return;
        }

        int ordinal = Options.Device.Contains(':', StringComparison.Ordinal) ? int.Parse(Options.Device.AsSpan(5), CultureInfo.InvariantCulture) : 0;
        string? before = Environment.GetEnvironmentVariable(Variable);
        string folder = Directory.CreateTempSubdirectory("zimage-bench-").FullName;
        try
        {
            Environment.SetEnvironmentVariable(Variable, folder);
            foreach (string name in (ReadOnlySpan<string>)["kernels_cold", "kernels_warm"])
            {
                long start = Stopwatch.GetTimestamp();
                using CudaBackend backend = new(ordinal);
                long opened = Stopwatch.GetTimestamp();
                backend.Kernels.WaitAll();
                measurements.Add(name, $"{backend.Kernels.Units.Count} units", "ms", Stopwatch.GetElapsedTime(opened).TotalMilliseconds);
                measurements.Add("open_device", name == "kernels_cold" ? "first" : "again", "ms", Stopwatch.GetElapsedTime(start, opened).TotalMilliseconds);
            }
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, before);
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Pictures of a prompt that no cache knows.</summary>
    private static async Task DrawAsync(ZImagePipeline pipeline, BenchSize size, int number, CancellationToken cancellationToken)
    {
        int vocabulary = await pipeline.UseAsync(model => model.Folder.TextEncoder.VocabSize, cancellationToken).ConfigureAwait(false);
        GenerationRequest request = new([""])
        {
            PromptIds = EngineBench.Ids(EngineBench.TextTokens, vocabulary, number),
            Width = size.Width,
            Height = size.Height,
            ImagesPerPrompt = size.Images,
            Steps = EngineBench.Steps,
            Guidance = 0,
            Seed = 42,
        };
        await pipeline.GenerateAsync(request, null, cancellationToken).ConfigureAwait(false);
    }

    private BenchReport Report(string device, Measurements measurements, IReadOnlyList<OperatorTime>? operators)
    {
        double bytes = 1e9 * measurements.Results.Last(result => result.Name == "device_copy").Median;
        double flop = 1e12 * measurements.Results.Last(result => result.Name == "matmul").Median;
        return new BenchReport
        {
            Engine = $"zimage {CommandTree.Version}",
            Device = device,
            Model = Model,
            Date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            Results = measurements.Results,
            Kernels = operators is null ? null :
            [
                .. operators.Select(time => new KernelResult(
                    time.Operator,
                    time.Shape.ToString(),
                    time.Kernels,
                    time.Calls,
                    Math.Round(time.Seconds * 1e3, 4),
                    Math.Round(time.Flop * 1e-9, 4),
                    Math.Round(time.Bytes * 1e-9, 6),
                    time.Seconds > 0 ? Math.Round(Math.Max(time.Flop / flop, time.Bytes / bytes) / time.Seconds, 4) : 0)),
            ],
        };
    }

    private void Tell(BenchResult result) =>
        context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Name,-20} {result.Case,-14} {result.Median,12:F3} {result.Unit}"));
}
