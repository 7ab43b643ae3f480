using NUnit.Framework;
using ZImage.Cli;
using ZImage.Tests.Support;

namespace ZImage.Tests.Cli;

/// <summary>The checkpoint that comes with the tool stands in where a run names none, and says so.</summary>
[TestFixture]
internal sealed class BundledModelTests
{
    private const string Download = "hf download Tongyi-MAI/Z-Image-Turbo";

    private CliRunner cli = null!;

    [SetUp]
    public void SetUp()
    {
        cli = new CliRunner();
        cli.BundledModel = cli.Model;
    }

    [TearDown]
    public void TearDown() => cli.Dispose();

    [Test]
    public async Task Without_a_model_named_the_bundled_one_draws_and_one_line_says_how_to_get_the_real_one()
    {
        CliOutcome outcome = await cli.RunAsync("generate", "-p", "a", "-s", "1", "-o", cli.File("x.png"));
        string[] notes = [.. outcome.Error.Split('\n').Where(line => line.StartsWith("model: ", StringComparison.Ordinal))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(cli.Engine.LoadedPath, Is.EqualTo(cli.Model));
            Assert.That(notes, Has.Length.EqualTo(1));
            Assert.That(notes[0], Does.Contain("bundled miniature").And.Contain(Download));
        }
    }

    [TestCase("--json")]
    [TestCase("-q")]
    public async Task Machines_and_quiet_runs_get_no_such_line(string option)
    {
        CliOutcome outcome = await cli.RunAsync("generate", "-p", "a", "-s", "1", "-o", cli.File("x.png"), option);
        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_model_that_is_named_wins_and_nothing_is_said(bool byOption)
    {
        cli.BundledModel = cli.File("never opened");
        cli.Environment["ZIMAGE_MODEL"] = byOption ? "" : cli.Model;
        string[] model = byOption ? ["-m", cli.Model] : [];
        CliOutcome outcome = await cli.RunAsync(["generate", "-p", "a", "-s", "1", "-o", cli.File("x.png"), .. model]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(cli.Engine.LoadedPath, Is.EqualTo(cli.Model));
        Assert.That(outcome.Error, Does.Not.Contain("miniature"));
    }

    [TestCase("tokenize -p a")]
    [TestCase("info")]
    public async Task Other_commands_look_at_the_bundled_model_too(string line)
    {
        cli.BundledModel = GoldenCheckpoint.PathOf("tiny-turbo");
        CliOutcome outcome = await cli.RunAsync(line.Split(' '));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error, Does.Contain(Download));
    }
}
