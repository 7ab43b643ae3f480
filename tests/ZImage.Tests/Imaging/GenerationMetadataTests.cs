using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Tests.Support;

namespace ZImage.Tests.Imaging;

[TestFixture]
public class GenerationMetadataTests
{
    private static readonly MetadataSources Sources = new() { Model = "Z-Image-Turbo", Device = "cpu" };

    private static readonly GenerationRequest Plain =
        new("a cat") { Width = 1024, Height = 768, Steps = 8, Guidance = 0, Seed = 42 };

    private static readonly GenerationRequest Full = new(["一只猫，“戴帽子”", "dog \"quoted\"\nsecond line 🐕"])
    {
        NegativePrompt = "blurry: bad",
        PromptIds = [1, 151645, 3],
        MaxSequenceLength = 300,
        Width = 512,
        Height = 256,
        Steps = 3,
        Sigmas = [1f, 0.6666667f, 0.1f],
        Guidance = 3.5,
        CfgNormalization = 0.7,
        CfgTruncation = 0.9,
        Seed = ulong.MaxValue,
        Rng = NoiseGenerator.TorchCuda,
        RngMultiprocessors = 108,
        ImagesPerPrompt = 2,
        InitImage = new ImageBuffer(1, 1, [1, 2, 3]),
        Strength = 0.55,
        Posterior = PosteriorMode.Mean,
        Latents = new HostTensor([1f], new Shape(1)),
        PromptEmbeds = [new HostTensor([2f], new Shape(1)), new HostTensor([3f], new Shape(1))],
    };

    [Test]
    public void The_text_has_the_form_that_other_tools_read() =>
        Assert.That(
            Unversioned(GenerationMetadata.From(Plain, 0, Sources)).ToParametersText(),
            Is.EqualTo(
                "a cat\n"
                + "Steps: 8, Sampler: Euler flow, CFG scale: 1, Guidance: 0, Seed: 42, Size: 1024x768, Model: Z-Image-Turbo, RNG: torch-cpu, Version: zimage 9.9.9"));

    [Test]
    public void The_text_of_a_batch_picture_has_its_own_prompt_and_quotes_separators() =>
        Assert.That(
            Unversioned(GenerationMetadata.From(Full, 2, Sources with { Model = "my, \"model\": 一" })).ToParametersText(),
            Is.EqualTo(
                "dog \"quoted\"\nsecond line 🐕\n"
                + "Negative prompt: blurry: bad\n"
                + "Steps: 3, Sampler: Euler flow, CFG scale: 4.5, Guidance: 3.5, Seed: 18446744073709551615, Size: 512x256, Model: \"my, \\\"model\\\": 一\", "
                + "Denoising strength: 0.55, Batch size: 4, Batch pos: 2, RNG: torch-cuda, Version: zimage 9.9.9"));

    [Test]
    public void The_JSON_of_a_plain_picture_is_short_and_readable() =>
        Assert.That(
            Unversioned(GenerationMetadata.From(Plain with { Prompts = ["一只猫 <b>'\"</b>"] }, 0, Sources)).ToJson(),
            Is.EqualTo(
                """
                {"format":1,"version":"9.9.9","model":"Z-Image-Turbo","device":"cpu","prompts":["一只猫 <b>'\"</b>"],"max_sequence_length":512,"width":1024,"height":768,"steps":8,"guidance":0,"cfg_normalization":0,"cfg_truncation":1,"seed":42,"rng":"torch-cpu","images_per_prompt":1,"index":0}
                """));

    [Test]
    public void Everything_survives_the_way_through_JSON()
    {
        GenerationRequest replayed = GenerationMetadata.FromJson(GenerationMetadata.From(Full, 3, Sources).ToJson()).ToRequest();

        Assert.Multiple(() =>
        {
            Assert.That(replayed.Prompts, Is.EqualTo(Full.Prompts));
            Assert.That(replayed.NegativePrompt, Is.EqualTo(Full.NegativePrompt));
            Assert.That(replayed.PromptIds, Is.EqualTo(Full.PromptIds));
            Assert.That(replayed.Sigmas, Is.EqualTo(Full.Sigmas));

            // With the lists taken out and the files left to the caller, the rest compares as a record.
            Assert.That(
                replayed with { Prompts = Full.Prompts, PromptIds = null, Sigmas = null },
                Is.EqualTo(Full with { PromptIds = null, Sigmas = null, InitImage = null, Latents = null, PromptEmbeds = null }));
        });
    }

    [Test]
    public void A_plain_request_comes_back_equal() =>
        Assert.That(
            GenerationMetadata.FromJson(GenerationMetadata.From(Plain, 0, Sources).ToJson()).ToRequest() with { Prompts = Plain.Prompts }, Is.EqualTo(Plain));

    [Test]
    public void Files_are_told_by_base_name_and_hash()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("in.png"), "abc");
        const string sha256OfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        var file = ExternalFile.FromFile(folder.File("in.png"));

        var metadata = GenerationMetadata.From(Full, 0, Sources with { InitImage = file, Latents = file });

        Assert.That(metadata.InitImage, Is.EqualTo(new ExternalFile("in.png", sha256OfAbc)));
        Assert.That(metadata.Latents, Is.EqualTo(new ExternalFile("in.png", "ba7816bf8f01cfea")));
        Assert.That(metadata.Latents!.Matches(sha256OfAbc), Is.True);
        Assert.That(metadata.Latents.Matches(new string('0', 64)), Is.False);
        Assert.That(metadata.PromptEmbeds!.Select(f => f.Name), Is.EqualTo(new[] { "(memory)", "(memory)" }), "values without a file are hashed");
        Assert.That(metadata.ToJson(), Does.Not.Contain(folder.Path));
    }

    [Test]
    public void Embeddings_count_as_prompts_even_without_any_text()
    {
        var metadata = GenerationMetadata.From(Plain with { Prompts = [], PromptEmbeds = Full.PromptEmbeds }, 1, Sources);

        GenerationMetadata read = GenerationMetadata.FromJson(metadata.ToJson());

        Assert.That(read.PromptEmbeds, Has.Count.EqualTo(2));
        Assert.That(read.ToParametersText(), Does.StartWith("\nSteps: 8").And.Contain("Batch size: 2, Batch pos: 1"));
    }

    [Test]
    public void A_saved_picture_gives_its_metadata_back()
    {
        using var folder = new TemporaryFolder();
        var metadata = GenerationMetadata.From(Full, 1, Sources);
        File.WriteAllBytes(folder.File("a.png"), PngWriter.Encode(Full.InitImage!, metadata.ToChunks()));

        GenerationMetadata read = GenerationMetadata.FromFile(folder.File("a.png"));

        Assert.That(read.ToJson(), Is.EqualTo(metadata.ToJson()));
        Assert.That((read.Index, read.PromptIndex), Is.EqualTo((1, 0)));
    }

    [Test]
    public void A_picture_without_our_metadata_is_told_apart_from_a_foreign_one()
    {
        byte[] bare = PngWriter.Encode(Full.InitImage!);
        byte[] foreign = PngWriter.Encode(Full.InitImage!, [new PngText("parameters", "a cat\nSteps: 20")]);

        Assert.That(
            () => GenerationMetadata.FromTexts(PngReader.ReadText(bare), "a.png"),
            Throws.TypeOf<InvalidRequestException>().With.Message.EqualTo("a.png holds no settings.").And.Property("Hint").Contains("zimage"));
        Assert.That(
            () => GenerationMetadata.FromTexts(PngReader.ReadText(foreign), "b.png"),
            Throws.TypeOf<InvalidRequestException>().With.Message.Contains("another tool"));
    }

    [TestCase("", "broken")]
    [TestCase("{", "broken")]
    [TestCase("[]", "not of zimage")]
    [TestCase("{\"prompt\":\"a cat\"}", "not of zimage")]
    [TestCase("{\"format\":\"1\"}", "not of zimage")]
    [TestCase("{\"format\":2}", "format 2")]
    [TestCase("{\"format\":1}", "broken")]
    [TestCase("{\"\\ud800\":1,\"format\":1}", "broken")]
    public void Foreign_broken_and_later_JSON_is_reported(string json, string expected) =>
        Assert.That(() => GenerationMetadata.FromJson(json), Throws.TypeOf<InvalidRequestException>().With.Message.Contains(expected));

    [TestCase("\"seed\":42", "\"seed\":-1")]
    [TestCase("\"seed\":42", "\"seed\":\"42x\"")]
    [TestCase("\"width\":1024", "\"width\":0")]
    [TestCase("\"width\":1024", "\"width\":null")]
    [TestCase("\"index\":0", "\"index\":1")]
    [TestCase("\"images_per_prompt\":1", "\"images_per_prompt\":0")]
    [TestCase("\"torch-cpu\"", "\"other\"")]
    [TestCase("\"torch-cpu\"", "0")]
    [TestCase("\"a cat\"", "\"\\ud800\"")]
    [TestCase("\"index\":0", "\"index\":0,\"init_image\":{}")]
    [TestCase("[\"a cat\"]", "[]")]
    [TestCase("[\"a cat\"]", "[null]")]
    [TestCase("[\"a cat\"]", "null")]
    public void Values_that_cannot_be_are_reported(string original, string replacement)
    {
        string json = GenerationMetadata.From(Plain, 0, Sources).ToJson();
        Assert.That(json, Does.Contain(original));

        Assert.That(
            () => GenerationMetadata.FromJson(json.Replace(original, replacement, StringComparison.Ordinal)),
            Throws.TypeOf<InvalidRequestException>().With.Message.Contains("broken"));
    }

    [Test]
    public void A_request_with_open_defaults_is_refused() =>
        Assert.That(() => GenerationMetadata.From(Plain with { Seed = null }, 0, Sources), Throws.ArgumentException);

    private static GenerationMetadata Unversioned(GenerationMetadata metadata) => metadata with { Version = "9.9.9" };
}
