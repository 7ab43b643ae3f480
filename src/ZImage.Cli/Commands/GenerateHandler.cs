using System.Globalization;
using ZImage.Cli.Ui;
using ZImage.Imaging;
using ZImage.Tensors;

namespace ZImage.Cli.Commands;

/// <summary>Runs <c>generate</c>: everything that can be found wrong without the checkpoint is looked at before it is loaded.</summary>
internal sealed class GenerateHandler(CommandContext context, GenerateArguments arguments)
{
    /// <summary>Reads, draws, writes.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        long start = context.Clock.GetTimestamp();
        RequestBuilder.CheckConflicts(arguments);
        string model = ModelLocator.Locate(arguments.Model, context, announce: arguments is { Json: false, Quiet: false });
        ReplacementParts.CheckTransformer(arguments.Transformer);
        ReplacementParts.CheckTokenizer(TokenizerFolder(model), arguments.Tokenizer is null ? CommonOptions.TokenizerVariable : "--tokenizer");
        IReadOnlyList<string> prompts = await PromptSource.ReadAsync(arguments.Prompts, context, cancellationToken).ConfigureAwait(false);
        RequestBuilder.CheckPrompts(prompts, arguments);
        List<string> warnings = [];
        SavedSettings? saved = arguments.FromImage is null ? null : SavedSettings.Read(arguments.FromImage);
        GenerationRequest stored = saved?.RequestFor(arguments, warnings) ?? new GenerationRequest([]);
        GenerationRequest request = RequestBuilder.Build(arguments, prompts, ReadInputs(), stored);
        OutputPlan plan = OutputPlan.Create(arguments, request, context, saved?.OnlyPicture(arguments));
        warnings.ForEach(Warn);
        if (arguments is { Seed: null, Json: false, Quiet: false } && stored.Seed is null)
        {
            context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {request.Seed}"));
        }

        Run run = await RunDisplay.RunAsync(
            context,
            RunDisplay.StyleFor(context, arguments.Quiet, arguments.Json),
            display => DrawAsync(model, request, plan, display, cancellationToken)).ConfigureAwait(false);
        IEnumerable<string> modelWarnings = saved?.CheckModel(run.ModelName) is { } other ? [other] : [];
        foreach (string warning in modelWarnings.Concat(run.Warnings))
        {
            Warn(warning);
            warnings.Add(warning);
        }

        long drawn = context.Clock.GetTimestamp();
        cancellationToken.ThrowIfCancellationRequested();
        MetadataSources sources = ResultWriter.Sources(arguments, request, run.ModelName, run.DeviceName);
        new ResultWriter(context, arguments, plan).Write(run.Result, sources, cancellationToken);
        Report(run, plan, warnings, context.Clock.GetElapsedTime(drawn), context.Clock.GetElapsedTime(start));
        return ExitCodes.Ok;
    }

    private RequestInputs ReadInputs()
    {
        (IReadOnlyList<HostTensor>? prompt, IReadOnlyList<HostTensor>? negative) =
            arguments.PromptEmbeds is null ? (null, null) : TensorFiles.ReadEmbeds(arguments.PromptEmbeds);
        return new RequestInputs
        {
            Latents = arguments.Latents is null ? null : TensorFiles.ReadLatents(arguments.Latents),
            PromptEmbeds = prompt,
            NegativePromptEmbeds = negative,
            Image = arguments.Image is null ? null : ImageReader.Read(arguments.Image),
        };
    }

    private async Task<Run> DrawAsync(
        string model, GenerationRequest request, OutputPlan plan, RunDisplay display, CancellationToken cancellationToken)
    {
        display.Loading(model);
        long start = context.Clock.GetTimestamp();
        IEngineSession session = await context.Engine.LoadAsync(model, Options(model, plan), cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            TimeSpan load = context.Clock.GetElapsedTime(start);
            display.Loaded(load);
            GenerationResult result = await session.GenerateAsync(request, display, cancellationToken).ConfigureAwait(false);

            // The engine's result repeats the warnings of loading.
            return new Run(result, session.ModelName, session.DeviceName, [.. session.Warnings.Union(result.Warnings)], load);
        }
    }

    private string? TokenizerFolder(string model) => CommonOptions.TokenizerFolder(arguments.Tokenizer, model, context.Environment);

    private PipelineOptions Options(string model, OutputPlan plan) => new()
    {
        Device = arguments.Device,
        Precision = arguments.Precision,
        DeviceMemoryLimit = arguments.MemoryLimit,
        Threads = arguments.Threads,
        TokenizerFolder = TokenizerFolder(model),
        TransformerFile = arguments.Transformer,
        AllowUnknownTensors = arguments.AllowUnknownTensors,
        ProbeFactory = plan.DumpFolder is string folder ? Dumps(folder, plan.Force) : null,
    };

    /// <summary>A stage that runs again, such as the text encoder for the next prompt, gets a number: <c>text_encoder.2</c>.</summary>
    private static Func<string, ITensorProbe> Dumps(string folder, bool force)
    {
        Dictionary<string, int> runs = [];
        return stageRun =>
        {
            int run = runs[stageRun] = runs.GetValueOrDefault(stageRun) + 1;
            string name = run == 1 ? stageRun : string.Create(CultureInfo.InvariantCulture, $"{stageRun}.{run}");
            return new TensorDump(TensorDump.FileName(folder, name), download: null, force);
        };
    }

    private void Warn(string warning)
    {
        // With --json they are part of the object.
        if (!arguments.Json)
        {
            context.Warn(warning);
        }
    }

    private void Report(Run run, OutputPlan plan, IReadOnlyList<string> warnings, TimeSpan write, TimeSpan total)
    {
        if (plan.ToStandardOutput)
        {
            // Standard output holds the picture; a path behind it would break the file.
            return;
        }

        if (!arguments.Json)
        {
            IEnumerable<string?> paths = [.. plan.Pictures, plan.Latents, plan.PromptEmbeds];
            foreach (string? path in paths)
            {
                if (path is not null)
                {
                    context.Out.WriteLine(path);
                }
            }

            return;
        }

        GenerationRequest request = run.Result.Request;
        GenerationTimings timings = run.Result.Timings;
        context.Out.WriteLine(CliJson.Line(
            new GenerateJson
            {
                Model = run.ModelName,
                Images = [.. plan.Chosen(run.Result).Select((image, i) =>
                    new ImageJson(plan.Pictures[i], image.Index, image.PromptIndex, image.Image.Width, image.Image.Height))],
                Seed = request.Seed,
                Width = request.Width,
                Height = request.Height,
                Steps = request.Steps,
                Guidance = request.Guidance,
                Latents = plan.Latents,
                PromptEmbeds = plan.PromptEmbeds,
                Timings = new TimingsJson(
                    Milliseconds(run.Load),
                    Milliseconds(timings.TextEncoder),
                    Milliseconds(timings.ImageEncoder),
                    Milliseconds(timings.Denoising),
                    Milliseconds(timings.Decoder),
                    Milliseconds(write),
                    Milliseconds(total)),
                Warnings = warnings,
            },
            CliJson.Default.GenerateJson));
    }

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 3);

    private sealed record Run(GenerationResult Result, string ModelName, string DeviceName, IReadOnlyList<string> Warnings, TimeSpan Load);
}
