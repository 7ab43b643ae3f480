using NUnit.Framework;
using ZImage.Posters.Reading;
using ZImage.Posters.Scenes;

namespace ZImage.Tests.Posters;

/// <summary>On the model before distillation, the negative prompt takes away what the prompt leaves to chance.</summary>
[NonParallelizable]
public sealed class NegativePromptTests
{
    private const int Seeds = 20;

    // With the model's own guidance. A named colour is taken away too, and more than that (docs/miniature.md).
    [TestCase("a red star", "stripes", nameof(BackgroundKind.Stripes))]
    [TestCase("红色的五角星", "渐变", nameof(BackgroundKind.Gradient))]
    public async Task A_negative_prompt_takes_away_what_the_prompt_leaves_open(string prompt, string negative, string unwanted)
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Nano.Base, new PipelineOptions { Device = "cpu" });
        int without = await CountAsync(pipeline, prompt, null, unwanted);
        int with = await CountAsync(pipeline, prompt, negative, unwanted);
        TestContext.Out.WriteLine($"{prompt}: {unwanted} in {without} of {Seeds} pictures, in {with} with the negative prompt '{negative}'");
        Assert.That(without, Is.GreaterThanOrEqualTo(2), "nothing to take away");
        Assert.That(with, Is.LessThanOrEqualTo(without / 2));
    }

    private static async Task<int> CountAsync(ZImagePipeline pipeline, string prompt, string? negative, string kind)
    {
        int count = 0;
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            GenerationResult result = await pipeline.GenerateAsync(new GenerationRequest(prompt) { NegativePrompt = negative, Seed = seed, Steps = 12 });
            BackgroundReading background = BackgroundReading.Of(new Picture(result.Images[0].Image));
            count += background.Fits && background.Kind == Enum.Parse<BackgroundKind>(kind) ? 1 : 0;
        }

        return count;
    }
}
