namespace ZImage.Cli;

/// <summary>The seam between the commands and the engine, so that commands are tested without a checkpoint.</summary>
internal interface IEngine
{
    /// <summary>Loads the checkpoint at <paramref name="path"/>.</summary>
    Task<IEngineSession> LoadAsync(string path, PipelineOptions options, CancellationToken cancellationToken);
}

/// <summary>A loaded checkpoint.</summary>
internal interface IEngineSession : IAsyncDisposable
{
    /// <summary>The checkpoint's name, for metadata and reports.</summary>
    string ModelName { get; }

    /// <summary>What computes, for metadata.</summary>
    string DeviceName { get; }

    /// <summary>Things about the checkpoint that the user should know.</summary>
    IReadOnlyList<string> Warnings { get; }

    /// <summary>Draws.</summary>
    Task<GenerationResult> GenerateAsync(
        GenerationRequest request, IProgress<GenerationProgress>? progress, CancellationToken cancellationToken);
}

/// <summary>The real engine.</summary>
internal sealed class PipelineEngine : IEngine
{
    /// <inheritdoc/>
    public async Task<IEngineSession> LoadAsync(string path, PipelineOptions options, CancellationToken cancellationToken) =>
        new Session(await ZImagePipeline.LoadAsync(path, options, cancellationToken).ConfigureAwait(false));

    private sealed class Session(ZImagePipeline pipeline) : IEngineSession
    {
        public string ModelName => pipeline.ModelName;

        public string DeviceName => pipeline.DeviceName;

        public IReadOnlyList<string> Warnings => pipeline.Warnings;

        public Task<GenerationResult> GenerateAsync(
            GenerationRequest request, IProgress<GenerationProgress>? progress, CancellationToken cancellationToken) =>
            pipeline.GenerateAsync(request, progress, cancellationToken);

        public ValueTask DisposeAsync() => pipeline.DisposeAsync();
    }
}
