using NUnit.Framework;
using ZImage.Posters.Reading;
using ZImage.Posters.Scenes;

namespace ZImage.Tests.Posters;

/// <summary>On the model before distillation, the negative prompt takes away what the prompt leaves to chance.</summary>
[NonParallelizable]
public sealed class NegativePromptTests
{
    private const int Seeds = 40;

    // With the model's own guidance. A named colour is taken away too, and more than that (docs/miniature.md).
    [TestCase("a red star", "stripes", "gradient")]
    [TestCase("红色的五角星", "条纹", "渐变")]
    public async Task A_negative_prompt_takes_away_what_the_prompt_leaves_open(string prompt, string stripes, string gradient)
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Nano.Base, new PipelineOptions { Device = "cpu" });
        IReadOnlyList<BackgroundKind> before = await BackgroundsAsync(pipeline, prompt, null);
        foreach ((string negative, BackgroundKind unwanted) in ((string, BackgroundKind)[])[(stripes, BackgroundKind.Stripes), (gradient, BackgroundKind.Gradient)])
        {
            int without = before.Count(kind => kind == unwanted);
            int with = (await BackgroundsAsync(pipeline, prompt, negative)).Count(kind => kind == unwanted);
            TestContext.Out.WriteLine($"{prompt}: {unwanted} in {without} of {Seeds} pictures, in {with} with the negative prompt '{negative}'");
            Assert.That(without, Is.GreaterThanOrEqualTo(2), "nothing to take away");
            Assert.That(with, Is.LessThanOrEqualTo(without / 2));
        }
    }

    /// <summary>The backgrounds of the first seeds' pictures, as far as they can be told.</summary>
    private static async Task<IReadOnlyList<BackgroundKind>> BackgroundsAsync(ZImagePipeline pipeline, string prompt, string? negative)
    {
        List<BackgroundKind> kinds = [];
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            GenerationResult result = await pipeline.GenerateAsync(new GenerationRequest(prompt) { NegativePrompt = negative, Seed = seed, Steps = 12 });
            BackgroundReading background = BackgroundReading.Of(new Picture(result.Images[0].Image));
            if (background.Fits)
            {
                kinds.Add(background.Kind);
            }
        }

        return kinds;
    }
}
