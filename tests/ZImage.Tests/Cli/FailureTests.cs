using System.Net.Http;
using System.Text.Json;
using NUnit.Framework;

namespace ZImage.Tests.Cli;

[TestFixture]
internal sealed class FailureTests
{
    private CliRunner cli = null!;

    private static IEnumerable<TestCaseData> Failures()
    {
        yield return new TestCaseData(new InvalidRequestException("m", "h"), 2, "usage");
        yield return new TestCaseData(new ImageFormatException("m", "h"), 2, "usage");
        yield return new TestCaseData(new ModelFormatException("m", "h"), 3, "model");
        yield return new TestCaseData(new DeviceException("m", "h"), 4, "device");
        yield return new TestCaseData(new HostMemoryException(1 << 20), 5, "memory");
        yield return new TestCaseData(new InsufficientMemoryException("m"), 5, "memory");
        yield return new TestCaseData(new HttpRequestException("m"), 6, "network");
        yield return new TestCaseData(new OperationCanceledException("m"), 130, "interrupted");
        yield return new TestCaseData(new AggregateException(new DeviceException("m")), 4, "device");
        yield return new TestCaseData(new InvalidOperationException("m"), 1, "bug");
    }

    [SetUp]
    public void SetUp() => cli = new CliRunner();

    [TearDown]
    public void TearDown() => cli.Dispose();

    [TestCaseSource(nameof(Failures))]
    public async Task Each_error_has_its_exit_code_and_leaves_no_file(Exception failure, int exitCode, string code)
    {
        cli.Engine.Failure = failure;

        CliOutcome text = await cli.GenerateAsync("-p", "a", "-q", "-o", cli.File("x.png"));
        CliOutcome json = await cli.GenerateAsync("-p", "a", "--json", "-o", cli.File("x.png"));

        using JsonDocument error = JsonDocument.Parse(json.Error);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((text.ExitCode, json.ExitCode), Is.EqualTo((exitCode, exitCode)));
            Assert.That((text.Out, json.Out), Is.EqualTo(("", "")));
            Assert.That(text.Error, Does.StartWith("error: ").And.Not.Contains("   at "));
            Assert.That(json.Error.TrimEnd('\n'), Does.Not.Contain("\n"));
            Assert.That(error.RootElement.GetProperty("error").GetProperty("code").GetString(), Is.EqualTo(code));
            Assert.That(error.RootElement.GetProperty("error").GetProperty("message").GetString(), Is.Not.Empty);
            Assert.That(cli.Files(), Is.Empty);
        }
    }

    [Test]
    public async Task A_fault_of_ours_asks_for_a_report_and_shows_its_place_only_when_debugging()
    {
        cli.Engine.Failure = new InvalidOperationException("broken");

        CliOutcome plain = await cli.GenerateAsync("-p", "a", "-q", "-o", cli.File("x.png"));
        cli.Environment["ZIMAGE_DEBUG"] = "1";
        CliOutcome debug = await cli.GenerateAsync("-p", "a", "-q", "-o", cli.File("x.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(plain.Error, Is.EqualTo(
                "error: unexpected failure: InvalidOperationException: broken\n"
                + "hint: this is a fault of zimage; please report it with the command line and what ZIMAGE_DEBUG=1 prints\n"));
            Assert.That(debug.Error, Does.StartWith(plain.Error).And.Contains("   at "));
        }
    }

    [Test]
    public async Task An_interruption_in_the_middle_returns_130_and_leaves_no_file()
    {
        using CancellationTokenSource source = new();
        cli.Cancellation = source.Token;
        cli.Engine.DuringRun = source.Cancel;

        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "-q", "-o", cli.File("x.png"), "--save-latents", cli.File("l.safetensors"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Out, outcome.Error), Is.EqualTo((130, "", "error: interrupted; unfinished files were not written\n")));
            Assert.That(cli.Files(), Is.Empty);
        }
    }

    [Test]
    public async Task Without_a_checkpoint_the_error_says_how_to_get_one()
    {
        CliOutcome outcome = await cli.RunAsync("generate", "-p", "a", "-o", cli.File("x.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(2));
            Assert.That(outcome.Error, Does.StartWith("error: no model: neither --model nor ZIMAGE_MODEL names a checkpoint folder\nhint: download one"));
        }
    }

    [TestCase("generate -p a -m /nowhere/at/all", "/nowhere/at/all", "--model")]
    [TestCase("tokenize -p a -m /nowhere/at/all", "/nowhere/at/all", "--model")]
    [TestCase("info -m /nowhere/at/all", "/nowhere/at/all", "--model")]
    [TestCase("info /nowhere/x.png", "/nowhere/x.png", "the command line")]
    public async Task A_checkpoint_that_is_not_there_is_a_model_error(string line, string path, string origin)
    {
        CliOutcome outcome = await cli.RunAsync(line.Split(' '));

        Assert.That((outcome.ExitCode, outcome.Error.Split('\n')[0]), Is.EqualTo((3, $"error: there is no '{path}' (from {origin})")));
    }

    [Test]
    public async Task An_unknown_device_is_a_usage_error()
    {
        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "--device", "tpu", "-o", cli.File("x.png"));

        Assert.That((outcome.ExitCode, outcome.Error.Split('\n')[0]), Is.EqualTo((2, "error: --device: 'tpu' is not one of auto, cpu, cuda, cuda:N")));
    }

    [Test]
    public async Task Input_files_that_cannot_be_used_are_usage_errors()
    {
        await File.WriteAllTextAsync(cli.File("text.txt"), "this is neither a picture nor a tensor file");

        using (Assert.EnterMultipleScope())
        {
            foreach (string option in new[] { "--latents", "--prompt-embeds", "--image", "--from-image" })
            {
                foreach (string name in new[] { "text.txt", "missing" })
                {
                    CliOutcome outcome = await cli.GenerateAsync("-p", "a", option, cli.File(name), "-o", cli.File("x.png"));
                    Assert.That((outcome.ExitCode, outcome.Out), Is.EqualTo((2, "")), $"{option} {name}: {outcome.Error}");
                }
            }

            Assert.That(cli.Engine.LoadedPath, Is.Null);
        }
    }
}
