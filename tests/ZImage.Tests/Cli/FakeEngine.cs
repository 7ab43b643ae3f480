using ZImage.Cli;
using ZImage.Imaging;
using ZImage.Tensors;

namespace ZImage.Tests.Cli;

/// <summary>Stands for the engine: remembers what it was asked, and draws flat pictures at once.</summary>
internal sealed class FakeEngine : IEngine
{
    public const int DefaultSide = 32;

    /// <summary>The folder it was loaded from; null where nothing was loaded.</summary>
    public string? LoadedPath { get; private set; }

    public PipelineOptions? Options { get; private set; }

    public GenerationRequest? Request { get; private set; }

    /// <summary>Raised in place of a result.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Called in the middle of a run.</summary>
    public Action? DuringRun { get; set; }

    public IReadOnlyList<string> LoadWarnings { get; set; } = [];

    public IReadOnlyList<string> Warnings { get; set; } = [];

    public Task<IEngineSession> LoadAsync(string path, PipelineOptions options, CancellationToken cancellationToken)
    {
        LoadedPath = path;
        Options = options;
        return Task.FromResult<IEngineSession>(new Session(this));
    }

    private GenerationResult Draw(GenerationRequest request, IProgress<GenerationProgress>? progress, CancellationToken cancellationToken)
    {
        Request = request;
        progress?.Report(new GenerationProgress(GenerationStage.TextEncoder, 1, 1, TimeSpan.FromSeconds(1)));
        DuringRun?.Invoke();
        cancellationToken.ThrowIfCancellationRequested();
        if (Failure is not null)
        {
            throw Failure;
        }

        int width = request.Width ?? DefaultSide;
        int height = request.Height ?? DefaultSide;
        int count = request.Prompts.Count * request.ImagesPerPrompt;
        progress?.Report(new GenerationProgress(GenerationStage.Denoising, 8, 8, TimeSpan.FromSeconds(2)));
        Shape latents = new(count, 16, height / 8, width / 8);
        return new GenerationResult
        {
            Request = request with { Width = width, Height = height, Steps = request.Sigmas?.Count ?? request.Steps ?? 8, Guidance = request.Guidance ?? 0 },
            Images = [.. Enumerable.Range(0, count).Select(i =>
                new GeneratedImage(new ImageBuffer(width, height, new byte[width * height * 3]), i / request.ImagesPerPrompt, i))],
            Latents = new HostTensor([.. Enumerable.Range(0, (int)latents.Count).Select(i => i / 8f)], latents),
            PromptEmbeds = [.. request.Prompts.Select((_, i) => new HostTensor([i, 0.5f], new Shape(1, 2)))],
            NegativePromptEmbeds = request.Guidance > 0 ? [.. request.Prompts.Select((_, i) => new HostTensor([-1f - i], new Shape(1, 1)))] : [],
            Timings = new GenerationTimings(
                TimeSpan.FromMilliseconds(1.5), TimeSpan.Zero, TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(3), TimeSpan.FromMilliseconds(25)),
            Warnings = Warnings,
        };
    }

    private sealed class Session(FakeEngine engine) : IEngineSession
    {
        public string ModelName => "fake-model";

        public string DeviceName => "cpu";

        public IReadOnlyList<string> Warnings => engine.LoadWarnings;

        public Task<GenerationResult> GenerateAsync(
            GenerationRequest request, IProgress<GenerationProgress>? progress, CancellationToken cancellationToken) =>
            Task.FromResult(engine.Draw(request, progress, cancellationToken));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
