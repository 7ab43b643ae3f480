using ZImage.Posters;
using ZImage.Posters.Scenes;
using ZImage.Tests.Support;

namespace ZImage.Tests.Posters;

/// <summary>The bundled miniature checkpoints, and their held-out captions.</summary>
internal static class Nano
{
    /// <summary>Of twenty captions a test draws the first two: languages take turns in the file, so that half are English and half Chinese.</summary>
    private const int Stride = 20;

    /// <summary>The distilled model: 8 evaluations without guidance.</summary>
    public static string Distilled { get; } = Path.Combine(Repository.Root, "models", "nano");

    /// <summary>The model before its distillation: 28 steps with guidance.</summary>
    public static string Base { get; } = Path.Combine(Repository.Root, "models", "nano-base");

    /// <summary>Fifty captions whose combinations the training never saw.</summary>
    public static IReadOnlyList<Scene> HeldOut { get; } =
        [.. SceneReader.ReadFile(Path.Combine(Repository.Root, "training", "heldout.jsonl")).Where((_, i) => i % Stride < 2)];

    /// <summary>Twenty such captions at each of sixteen other sizes.</summary>
    public static IReadOnlyList<Scene> OtherSizes { get; } = SceneReader.ReadFile(Path.Combine(Repository.Root, "training", "heldout-sizes.jsonl"));

    /// <summary>Draws scenes, each with a seed of its own, and judges them.</summary>
    public static Task<IReadOnlyList<Verdict>> JudgeAsync(IReadOnlyList<Scene> scenes, PipelineOptions pipeline) =>
        PosterRun.JudgeAsync(scenes, new PosterRunOptions { Model = Distilled, Pipeline = pipeline }, CancellationToken.None);

    /// <summary>The report as text, for messages.</summary>
    public static string Table(Report report)
    {
        using StringWriter text = new();
        text.WriteLine();
        report.WriteTable(text);
        return text.ToString();
    }
}
