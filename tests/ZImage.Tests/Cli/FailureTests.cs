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

    [TestCase("--transformer", "absent", "there is no file '{0}'", "check the path")]
    [TestCase("--transformer", "model", "'{0}' is a folder", "name the .safetensors file in it; the folder of a whole checkpoint goes to -m")]
    [TestCase("--tokenizer", "absent", "there is no folder '{0}'", "check the path; the folder holds tokenizer.json, or vocab.json with merges.txt")]
    [TestCase("--tokenizer", "tokenizer.json", "'{0}' is a file", "name the folder that holds tokenizer.json, or vocab.json with merges.txt")]
    [TestCase("--tokenizer", "model", "'{0}' has no tokenizer.json, and not both of vocab.json and merges.txt", "name the folder that holds them; in a checkpoint that is tokenizer/")]
    public async Task A_part_given_by_an_option_is_looked_at_before_loading(string option, string name, string message, string hint)
    {
        await File.WriteAllTextAsync(cli.File("tokenizer.json"), "{}");
        string path = cli.File(name);

        CliOutcome outcome = await cli.GenerateAsync("-p", "a", option, path, "-o", cli.File("x.png"));

        string expected = string.Format(System.Globalization.CultureInfo.InvariantCulture, message, path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((3, $"error: {option}: {expected}\nhint: {hint}\n")));
            Assert.That(cli.Engine.LoadedPath, Is.Null);
        }
    }

    [Test]
    public async Task A_tokenizer_folder_from_the_environment_is_looked_at_where_it_is_used()
    {
        string folder = cli.File("absent");
        cli.Environment["ZIMAGE_QWEN3_TOKENIZER"] = folder;

        CliOutcome used = await cli.RunAsync("generate", "-m", "synthetic:tiny:0", "-p", "a", "-q", "-o", cli.File("x.png"));
        CliOutcome unused = await cli.GenerateAsync("-p", "a", "-q", "-o", cli.File("x.png"));

        Assert.That((used.ExitCode, used.Error.Split('\n')[0]), Is.EqualTo((3, $"error: ZIMAGE_QWEN3_TOKENIZER: there is no folder '{folder}'")));
        Assert.That((unused.ExitCode, cli.Engine.Options!.TokenizerFolder), Is.EqualTo((0, (string?)null)));
    }

    [Test]
    public async Task Info_names_the_option_of_a_transformer_that_is_not_there()
    {
        CliOutcome outcome = await cli.RunAsync("info", "-m", "synthetic:tiny:0", "--transformer", "/nowhere/t.safetensors");

        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((3, "error: --transformer: there is no file '/nowhere/t.safetensors'\nhint: check the path\n")));
    }

    [TestCase("--latents", "absent", "there is no such file.\nhint: Check the path.\n")]
    [TestCase("--prompt-embeds", "absent", "there is no such file.\nhint: Check the path.\n")]
    [TestCase("--latents", "model", "this is a folder, not a file.\nhint: Name the safetensors file in it.\n")]
    public async Task A_tensor_file_that_is_not_there_is_told_without_a_word_of_checkpoints(string option, string name, string message)
    {
        CliOutcome outcome = await cli.GenerateAsync("-p", "a", option, cli.File(name), "-o", cli.File("x.png"));

        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((2, $"error: {cli.File(name)}: {message}")));
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
