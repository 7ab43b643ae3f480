using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Tensors;
using ZImage.Tests.Golden;

namespace ZImage.Tests.Generation;

/// <summary>What a request may ask for, and what it is told when it may not.</summary>
public sealed class RequestTests
{
    private static readonly GenerationRequest Valid = new("a red circle") { Width = 64, Height = 48, Steps = 1, Seed = 1 };

    private ZImagePipeline pipeline = null!;

    [OneTimeSetUp]
    public async Task Load() =>
        pipeline = await ZImagePipeline.LoadAsync(Path.GetDirectoryName(GoldenFile.PathOf("checkpoints", "tiny-turbo", "model_index.json"))!, new PipelineOptions { Device = "cpu" });

    [OneTimeTearDown]
    public async Task Unload() => await pipeline.DisposeAsync();

    private static IEnumerable<TestCaseData> Refused()
    {
        static TestCaseData Case(GenerationRequest request, string message, string hint) => new TestCaseData(request, message, hint).SetArgDisplayNames(message);
        HostTensor Zeros(params int[] shape) => new(new float[new Shape(shape).Count], new Shape(shape));

        yield return Case(Valid with { Width = 1000 }, "Width 1000", "992 or 1008");
        yield return Case(Valid with { Height = 8 }, "Height 8", "is 16");
        yield return Case(Valid with { Height = 0 }, "Height 0", "is 16");
        yield return Case(Valid with { Width = -64 }, "Width -64", "is 16");
        yield return Case(Valid with { Width = 16384, Height = 16384 }, "beyond the 8192x8192", "1024x1024");
        yield return Case(Valid with { Steps = 0 }, "0 steps", "8");
        yield return Case(Valid with { Steps = 1001 }, "1001 steps", "28 to 50");
        yield return Case(Valid with { Guidance = double.NaN }, "Guidance NaN", "0 turns guidance off");
        yield return Case(Valid with { Guidance = -1 }, "Guidance -1", "0 turns guidance off");
        yield return Case(Valid with { CfgNormalization = double.PositiveInfinity }, "cfg_normalization", "0 turns it off");
        yield return Case(Valid with { CfgTruncation = double.NaN }, "cfg_truncation", "never truncates");
        yield return Case(Valid with { Strength = 1.5 }, "Strength 1.5", "0.6");
        yield return Case(Valid with { Strength = -0.1 }, "Strength -0.1", "0.6");
        yield return Case(Valid with { Strength = 0, Steps = 8, InitImage = new ImageBuffer(64, 48, new byte[64 * 48 * 3]) }, "leaves none of the 8 steps", "above 0");
        yield return Case(Valid with { ImagesPerPrompt = 0 }, "0 pictures", "at least one");
        yield return Case(Valid with { ImagesPerPrompt = 300 }, "more than 256", "several requests");
        yield return Case(Valid with { Prompts = [] }, "no prompt", "what to draw");
        yield return Case(Valid with { PromptIds = [1, 999999] }, "Token id 999999", "zimage tokenize");
        yield return Case(Valid with { PromptIds = [] }, "0 token ids", "at least one");
        yield return Case(Valid with { Sigmas = [0.5f, 0.8f] }, "do not fall", "1,0.75");
        yield return Case(Valid with { Sigmas = [float.NaN] }, "do not fall", "1,0.75");
        yield return Case(Valid with { Latents = Zeros(1, 16, 8, 8) }, "latents have shape [1, 16, 8, 8]", "same size");
        yield return Case(Valid with { Latents = new HostTensor([.. Enumerable.Repeat(float.NaN, 16 * 48)], new Shape(1, 16, 6, 8)) }, "hold NaN", "broken");
        yield return Case(Valid with { PromptEmbeds = [Zeros(5, 95)] }, "[tokens, 96]", "--save-prompt-embeds");
        yield return Case(Valid with { PromptEmbeds = [Zeros(5, 96)], Guidance = 2, NegativePromptEmbeds = [] }, "0 negative prompt embeddings", "one for each");
    }

    [TestCaseSource(nameof(Refused))]
    public async Task Refused_with_the_reason_and_a_hint(GenerationRequest request, string message, string hint)
    {
        InvalidRequestException? error = await Assert.ThrowsAsync<InvalidRequestException>(() => pipeline.GenerateAsync(request));
        Assert.That(error!.Message, Does.Contain(message));
        Assert.That(error.Hint, Does.Contain(hint));
    }

    [Test]
    public async Task A_size_that_needs_more_memory_than_there_is_is_refused_before_anything_is_drawn()
    {
        HostMemoryException? error = await Assert.ThrowsAsync<HostMemoryException>(() => pipeline.GenerateAsync(Valid with { Width = 8192, Height = 8192, ImagesPerPrompt = 64 }));
        Assert.That(error!.Bytes, Is.GreaterThan(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes));
        Assert.That(error.Hint, Does.Contain("smaller picture"));
    }

    [Test]
    public async Task A_prompt_beyond_the_limit_is_cut_with_a_warning_that_says_how_much()
    {
        string words = string.Join(' ', Enumerable.Repeat("red", 600));
        GenerationResult cut = await pipeline.GenerateAsync(Valid with { Prompts = [words], MaxSequenceLength = 40 });
        Assert.That(cut.PromptEmbeds[0].Shape[0], Is.EqualTo(40));
        Assert.That(cut.Warnings, Has.Count.EqualTo(1));
        Assert.That(cut.Warnings[0], Does.Match(@"The prompt has \d+ tokens; \d+ beyond the limit of 40 were cut"));
    }

    [TestCase(0, 1)]
    [TestCase(2, 0)]
    public async Task A_negative_prompt_without_guidance_is_a_warning(double guidance, int warnings)
    {
        GenerationResult result = await pipeline.GenerateAsync(Valid with { NegativePrompt = "rain", Guidance = guidance });
        Assert.That(result.Warnings.Where(warning => warning.Contains("no effect without guidance")).ToArray(), Has.Length.EqualTo(warnings));
    }

    [Test]
    public async Task Prompt_ids_and_prompt_embeds_give_what_their_prompt_gives()
    {
        GenerationResult text = await pipeline.GenerateAsync(Valid);
        GenerationResult embeds = await pipeline.GenerateAsync(Valid with { Prompts = [""], PromptEmbeds = text.PromptEmbeds });
        Assert.That(embeds.Latents.Values, Is.EqualTo(text.Latents.Values));
    }

    [Test]
    public async Task Image_to_image_takes_its_size_from_the_picture_rounded_down()
    {
        GenerationResult result = await pipeline.GenerateAsync(Valid with { Width = null, Height = null, Steps = 2, InitImage = new ImageBuffer(70, 50, new byte[70 * 50 * 3]) });
        Assert.That((result.Images[0].Image.Width, result.Images[0].Image.Height), Is.EqualTo((64, 48)));
    }
}
