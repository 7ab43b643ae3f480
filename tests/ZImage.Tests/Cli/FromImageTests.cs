using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage.Tests.Cli;

[TestFixture]
internal sealed class FromImageTests
{
    private CliRunner cli = null!;

    private string First => cli.File("first.png");

    [SetUp]
    public void SetUp() => cli = new CliRunner();

    [TearDown]
    public void TearDown() => cli.Dispose();

    [Test]
    public async Task The_same_request_is_made_again()
    {
        await cli.GenerateAsync(
            "-p", "一只猫", "--negative-prompt", "dog", "-W", "64", "-H", "48", "--steps", "5", "--guidance", "3.7", "--cfg-normalization", "0.1",
            "--cfg-truncation", "0.9", "-s", "18446744073709551615", "--rng", "torch-cuda", "--rng-multiprocessors", "78", "-o", First);
        GenerationRequest first = cli.Engine.Request!;

        CliOutcome outcome = await cli.GenerateAsync("--from-image", First, "-o", cli.File("second.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(outcome.Error, Does.Not.Contain("warning"));
            Assert.That(cli.Engine.Request!.Prompts, Is.EqualTo(first.Prompts));
            Assert.That(cli.Engine.Request with { Prompts = first.Prompts }, Is.EqualTo(first));
            Assert.That(await File.ReadAllBytesAsync(cli.File("second.png")), Is.EqualTo(await File.ReadAllBytesAsync(First)));
        }
    }

    [Test]
    public async Task Options_given_beside_it_win()
    {
        await cli.GenerateAsync("-p", "fox", "--sigmas", "1,0.5", "-s", "3", "-W", "64", "-o", First);

        CliOutcome outcome = await cli.GenerateAsync(
            "--from-image", First, "-p", "owl", "--steps", "7", "-s", "4", "-H", "80", "--rng", "torch-cuda", "-o", cli.File("second.png"));

        GenerationRequest request = cli.Engine.Request!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(request.Prompts, Is.EqualTo(new[] { "owl" }));
            Assert.That((request.Steps, request.Sigmas), Is.EqualTo(((int?)7, (IReadOnlyList<float>?)null)));
            Assert.That((request.Seed, request.Width, request.Height), Is.EqualTo(((ulong?)4, (int?)64, (int?)80)));
            Assert.That(request.Rng, Is.EqualTo(NoiseGenerator.TorchCuda));
        }
    }

    [Test]
    public async Task A_picture_that_it_was_drawn_from_must_be_given_again_and_is_compared()
    {
        string input = cli.File("photo.png");
        string other = cli.File("other.png");
        await File.WriteAllBytesAsync(input, PngWriter.Encode(new ImageBuffer(1, 1, [1, 2, 3])));
        await File.WriteAllBytesAsync(other, PngWriter.Encode(new ImageBuffer(1, 1, [4, 5, 6])));
        await cli.GenerateAsync("-p", "a", "-i", input, "--strength", "0.4", "--posterior", "mean", "-s", "1", "-o", First);

        CliOutcome without = await cli.GenerateAsync("--from-image", First, "-o", cli.File("x.png"));
        CliOutcome wrong = await cli.GenerateAsync("--from-image", First, "-i", other, "-q", "-o", cli.File("y.png"));
        CliOutcome right = await cli.GenerateAsync("--from-image", First, "-i", input, "-q", "-o", cli.File("z.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(without.ExitCode, Is.EqualTo(2));
            Assert.That(without.Error, Does.Contain("was drawn from the file 'photo.png'").And.Contains("hint: give that file again with --image FILE"));
            Assert.That(wrong.ExitCode, Is.EqualTo(0));
            Assert.That(wrong.Error, Does.Contain($"warning: --image: '{other}' is not the file"));
            Assert.That((right.ExitCode, right.Error), Is.EqualTo((0, "")));
            Assert.That((cli.Engine.Request!.Strength, cli.Engine.Request.Posterior), Is.EqualTo((0.4, (PosteriorMode?)PosteriorMode.Mean)));
            Assert.That(cli.Engine.Request.InitImage!.Rgb, Is.EqualTo(new byte[] { 1, 2, 3 }));
        }
    }

    [Test]
    public async Task Latents_and_embeddings_must_be_given_again_unless_replaced()
    {
        string noise = cli.File("noise.safetensors");
        string embeds = cli.File("embeds.safetensors");
        await cli.RunAsync("noise", "-s", "9", "--shape", "1,16,4,4", "-o", noise);
        await cli.GenerateAsync("-p", "a", "--save-prompt-embeds", embeds, "-o", cli.File("zero.png"));
        await cli.GenerateAsync("--latents", noise, "--prompt-embeds", embeds, "-s", "1", "-o", First);

        CliOutcome none = await cli.GenerateAsync("--from-image", First, "-o", cli.File("x.png"));
        CliOutcome half = await cli.GenerateAsync("--from-image", First, "--latents", noise, "-o", cli.File("x.png"));
        CliOutcome both = await cli.GenerateAsync("--from-image", First, "--latents", noise, "--prompt-embeds", embeds, "-q", "-o", cli.File("y.png"));
        CliOutcome replaced = await cli.GenerateAsync("--from-image", First, "-s", "2", "-p", "b", "-q", "-o", cli.File("z.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(none.ExitCode, Is.EqualTo(2));
            Assert.That(none.Error, Does.Contain("'noise.safetensors'"));
            Assert.That(half.ExitCode, Is.EqualTo(2));
            Assert.That(half.Error, Does.Contain("'embeds.safetensors'"));
            Assert.That((both.ExitCode, both.Error), Is.EqualTo((0, "")));
            Assert.That((replaced.ExitCode, replaced.Error), Is.EqualTo((0, "")));
            Assert.That((cli.Engine.Request!.Latents, cli.Engine.Request.PromptEmbeds), Is.EqualTo(((HostTensor?)null, (IReadOnlyList<HostTensor>?)null)));
        }
    }

    [Test]
    public async Task A_picture_without_settings_is_refused()
    {
        await cli.GenerateAsync("-p", "a", "--no-metadata", "-o", First);

        CliOutcome outcome = await cli.GenerateAsync("--from-image", First, "-o", cli.File("x.png"));

        Assert.That((outcome.ExitCode, outcome.Error.Split('\n')[0]), Is.EqualTo((2, "error: first.png holds no settings.")));
    }
}
