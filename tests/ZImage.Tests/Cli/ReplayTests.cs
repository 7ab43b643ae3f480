using NUnit.Framework;
using ZImage.Cli;
using ZImage.Imaging;
using ZImage.Tests.Support;

namespace ZImage.Tests.Cli;

/// <summary><c>--from-image</c> with the real engine: a picture of ours is drawn again, byte for byte.</summary>
[TestFixture]
internal sealed class ReplayTests
{
    private CliRunner cli = null!;

    private static IEnumerable<TestCaseData> Requests()
    {
        static TestCaseData Case(string name, string model, string picture, params string[] args) =>
            new TestCaseData(model, picture, args).SetArgDisplayNames(name);

        yield return Case("a plain prompt", "tiny-turbo", "a.png", "-p", "a red circle", "-s", "3");
        yield return Case("a Chinese prompt", "tiny-turbo", "a.png", "-p", "一只戴着草帽的猫，水彩 😀", "-s", "18446744073709551615");
        yield return Case("lines, quotes and a template token", "tiny-turbo", "a.png", "-p", "two\nlines, \"quoted\"; Steps: 99 <|im_end|>\t", "-s", "4");
        yield return Case("the first of three", "tiny-turbo", "a-1.png", "-p", "fox", "--count", "3", "-s", "5");
        yield return Case("the second of three", "tiny-turbo", "a-2.png", "-p", "fox", "--count", "3", "-s", "5");
        yield return Case("the last of a batch of prompts", "tiny-turbo", "a-4.png", "-p", "fox", "-p", "a much longer prompt about an owl", "--count", "2", "-s", "6");
        yield return Case("noise as a GPU draws it", "tiny-turbo", "a.png", "-p", "fox", "--rng", "torch-cuda", "--rng-multiprocessors", "108", "-s", "7");
        yield return Case("own noise levels", "tiny-turbo", "a.png", "-p", "fox", "--sigmas", "1,0.7,0.2", "-s", "8");
        yield return Case("token ids", "tiny-turbo", "a.png", "--prompt-ids", "1,2,3,4", "-s", "8");
        yield return Case("a random seed", "tiny-turbo", "a.png", "-p", "fox");
        yield return Case(
            "guidance with all its options", "tiny-base", "a.png", "-p", "fox", "--negative-prompt", "rain", "--guidance", "3.3", "--cfg-normalization", "0.9",
            "--cfg-truncation", "0.8", "-s", "9");
    }

    [SetUp]
    public void SetUp() => cli = new CliRunner { RealEngine = new PipelineEngine() };

    [TearDown]
    public void TearDown() => cli.Dispose();

    [TestCaseSource(nameof(Requests))]
    public async Task A_picture_is_drawn_again_byte_for_byte(string model, string picture, string[] args)
    {
        string[] common = ["generate", "-m", GoldenCheckpoint.PathOf(model), "-q", "-o"];
        string[] steps = args.Contains("--sigmas") ? [] : ["--steps", "2"];
        CliOutcome first = await cli.RunAsync([.. common, cli.File("a.png"), "-W", "48", "-H", "32", .. steps, .. args]);
        CliOutcome again = await cli.RunAsync([.. common, cli.File("again.png"), "--from-image", cli.File(picture)]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first.ExitCode, Is.Zero, first.Error);
            Assert.That((again.ExitCode, again.Out, again.Error), Is.EqualTo((0, cli.File("again.png") + "\n", "")));
            Assert.That(File.ReadAllBytes(cli.File("again.png")), Is.EqualTo(File.ReadAllBytes(cli.File(picture))));
        }
    }

    [TestCase("sample")]
    [TestCase("mean")]
    public async Task A_picture_drawn_from_a_picture_is_drawn_again_from_it(string posterior)
    {
        byte[] rgb = [.. Enumerable.Range(0, 50 * 70 * 3).Select(i => (byte)(i * 7))];
        await File.WriteAllBytesAsync(cli.File("photo.png"), PngWriter.Encode(new ImageBuffer(50, 70, rgb)));
        string[] common = ["generate", "-m", GoldenCheckpoint.PathOf("tiny-turbo"), "-q", "-i", cli.File("photo.png"), "-o"];
        await cli.RunAsync([.. common, cli.File("a.png"), "-p", "fox", "--steps", "4", "--strength", "0.5", "--posterior", posterior, "-s", "2"]);
        CliOutcome again = await cli.RunAsync([.. common, cli.File("again.png"), "--from-image", cli.File("a.png")]);

        Assert.That((again.ExitCode, again.Error), Is.EqualTo((0, "")));
        Assert.That(File.ReadAllBytes(cli.File("again.png")), Is.EqualTo(File.ReadAllBytes(cli.File("a.png"))));
    }

    [Test]
    public async Task Another_model_is_a_warning()
    {
        await cli.RunAsync("generate", "-m", GoldenCheckpoint.PathOf("tiny-turbo"), "-q", "-p", "fox", "-W", "32", "-H", "32", "--steps", "1", "-s", "2", "-o", cli.File("a.png"));
        CliOutcome again = await cli.RunAsync("generate", "-m", GoldenCheckpoint.PathOf("tiny-base"), "-q", "--from-image", cli.File("a.png"), "-o", cli.File("b.png"));

        Assert.That(again.ExitCode, Is.Zero, again.Error);
        Assert.That(again.Error, Does.StartWith("warning: ").And.Contains("'tiny-turbo'; this is 'tiny-base'"));
    }

    [Test]
    public async Task A_count_beside_it_draws_the_whole_batch()
    {
        string[] common = ["generate", "-m", GoldenCheckpoint.PathOf("tiny-turbo"), "-q", "-o"];
        await cli.RunAsync([.. common, cli.File("a.png"), "-p", "fox", "-W", "32", "-H", "32", "--steps", "1", "--count", "2", "-s", "2"]);
        CliOutcome again = await cli.RunAsync([.. common, cli.File("b.png"), "--from-image", cli.File("a-2.png"), "--count", "2"]);

        Assert.That((again.ExitCode, again.Out), Is.EqualTo((0, $"{cli.File("b-1.png")}\n{cli.File("b-2.png")}\n")));
        Assert.That(File.ReadAllBytes(cli.File("b-2.png")), Is.EqualTo(File.ReadAllBytes(cli.File("a-2.png"))));
    }
}
