using NUnit.Framework;
using ZImage.Posters;
using ZImage.Posters.Reading;

namespace ZImage.Tests.Posters;

/// <summary>On the model before distillation, the negative prompt takes away what a prompt leaves to chance.</summary>
[NonParallelizable]
public sealed class NegativePromptTests
{
    private const int Seeds = 8;

    [TestCase("a blue circle", "stripes, gradient", "a background of two colours")]
    [TestCase("a poster with text", "red", "red")]
    [TestCase("海报，一个圆形", "条纹，渐变", "a background of two colours")]
    public async Task What_the_negative_prompt_names_becomes_rare(string prompt, string negative, string what)
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Nano.Base, new PipelineOptions { Device = "cpu" });
        int without = await CountAsync(pipeline, prompt, null, what);
        int with = await CountAsync(pipeline, prompt, negative, what);
        TestContext.Out.WriteLine($"{prompt}: {what} in {without} of {Seeds} pictures, in {with} with the negative prompt '{negative}'");
        Assert.That(without, Is.GreaterThanOrEqualTo(2), "nothing to take away");
        Assert.That(with, Is.LessThanOrEqualTo(without / 2));
    }

    private static async Task<int> CountAsync(ZImagePipeline pipeline, string prompt, string? negative, string what)
    {
        int count = 0;
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            GenerationResult result = await pipeline.GenerateAsync(new GenerationRequest(prompt) { NegativePrompt = negative, Seed = seed, Steps = 12 });
            count += Shows(new Picture(result.Images[0].Image), what) ? 1 : 0;
        }

        return count;
    }

    private static bool Shows(Picture picture, string what)
    {
        if (what == "red")
        {
            int red = Enumerable.Range(0, picture.Count).Count(i => picture[i].Distance(Palette.Value(PosterColor.Red)) < 40);
            return red > picture.Count / 50;
        }

        BackgroundReading background = BackgroundReading.Of(picture);
        return background.Fits && background.Colors.Count == 2;
    }
}
