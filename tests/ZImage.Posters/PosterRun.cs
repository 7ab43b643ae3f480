using ZImage.Imaging;
using ZImage.Posters.Scenes;

namespace ZImage.Posters;

/// <summary>How scenes are drawn.</summary>
internal sealed record PosterRunOptions
{
    public required string Model { get; init; }

    public PipelineOptions Pipeline { get; init; } = new();

    /// <summary>Null for the model's own.</summary>
    public int? Steps { get; init; }

    /// <summary>Null for the model's own.</summary>
    public double? Guidance { get; init; }

    /// <summary>What no picture should show; null for nothing.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>The first scene's seed; each next one has the next.</summary>
    public ulong Seed { get; init; }
}

/// <summary>Draws scenes from their captions with the engine.</summary>
internal static class PosterRun
{
    /// <summary>The pictures, one after the other as they are done.</summary>
    /// <param name="scenes">The scenes; each is drawn at its own size.</param>
    /// <param name="options">Model and settings.</param>
    /// <param name="cancellationToken">Stops within a picture.</param>
    public static async IAsyncEnumerable<(Scene Scene, ImageBuffer Image)> DrawAsync(
        IReadOnlyList<Scene> scenes, PosterRunOptions options, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(options.Model, options.Pipeline, cancellationToken).ConfigureAwait(false);
        await using (pipeline.ConfigureAwait(false))
        {
            for (int i = 0; i < scenes.Count; i++)
            {
                GenerationResult result = await pipeline.GenerateAsync(
                    new GenerationRequest(scenes[i].Caption)
                    {
                        Width = scenes[i].Width,
                        Height = scenes[i].Height,
                        Steps = options.Steps,
                        Guidance = options.Guidance,
                        NegativePrompt = options.NegativePrompt,
                        Seed = options.Seed + (ulong)i,
                    },
                    progress: null,
                    cancellationToken).ConfigureAwait(false);
                yield return (scenes[i], result.Images[0].Image);
            }
        }
    }

    /// <summary>Draws and judges.</summary>
    public static async Task<IReadOnlyList<Verdict>> JudgeAsync(IReadOnlyList<Scene> scenes, PosterRunOptions options, CancellationToken cancellationToken)
    {
        List<Verdict> verdicts = [];
        await foreach ((Scene scene, ImageBuffer image) in DrawAsync(scenes, options, cancellationToken).ConfigureAwait(false))
        {
            verdicts.Add(PosterCheck.Judge(scene, image));
        }

        return verdicts;
    }
}
