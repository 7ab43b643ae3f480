using System.CommandLine;
using NUnit.Framework;
using ZImage.Cli;
using ZImage.Cli.Commands;

namespace ZImage.Tests.Cli;

[TestFixture]
internal sealed class HelpTests
{
    private CliRunner cli = null!;

    [SetUp]
    public void SetUp() => cli = new CliRunner();

    [TearDown]
    public void TearDown() => cli.Dispose();

    [Test]
    public async Task Version_is_one_line()
    {
        CliOutcome outcome = await cli.RunAsync("--version");

        Assert.That((outcome.ExitCode, outcome.Out, outcome.Error), Is.EqualTo((0, "zimage 0.1.0\n", "")));
    }

    [Test]
    public async Task Help_of_the_tool_is_as_approved()
    {
        CliOutcome outcome = await cli.RunAsync("--help");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")));
            Assert.That(Lines(outcome.Out), Is.EqualTo(Lines(
                """
                Description:
                  Draws pictures with the Z-Image models.

                Usage:
                  zimage [command] [options]

                Options:
                  -?, -h, --help  Show help and usage information
                  --version       Show version information

                Commands:
                  generate        Draw pictures from prompts
                  tokenize        Show the templated text and the token ids of prompts
                  info <DIR|PNG>  Show what a checkpoint needs, or how a picture was made
                  noise           Write the noise of a seed, for `generate --latents` or for another program
                  bench           Measure the device and a model on it
                  doctor          Check the GPU: driver, libraries, and every operator against the processor

                Examples:
                  zimage generate -m Z-Image-Turbo -p "a red fox in fresh snow" -s 42 -o fox.png
                  zimage info Z-Image-Turbo
                  zimage info fox.png

                Environment:
                  ZIMAGE_MODEL    checkpoint folder where --model is not given
                  ZIMAGE_DEVICE   device where --device is not given
                  ZIMAGE_THREADS  processor threads where --threads is not given
                  ZIMAGE_CACHE    folder of compiled kernels; more settings of the GPU: docs/profiling.md
                  ZIMAGE_DEBUG    1: errors print where they happened
                  NO_COLOR        set: no colours

                Exit codes:
                  0 done, 1 fault of zimage, 2 wrong arguments or files, 3 model, 4 device, 5 memory, 6 network, 130 interrupted
                """)));
        }
    }

    [TestCase("generate")]
    [TestCase("tokenize")]
    [TestCase("info")]
    [TestCase("noise")]
    [TestCase("bench")]
    [TestCase("doctor")]
    public async Task Help_of_a_command_names_every_option_and_ends_with_examples(string name)
    {
        CliOutcome outcome = await cli.RunAsync(name, "--help");

        Command command = CommandTree.Create(new CommandContext
        {
            Out = TextWriter.Null,
            Error = TextWriter.Null,
            OpenInput = () => Stream.Null,
            OpenOutput = () => Stream.Null,
            Engine = cli.Engine,
        }).Subcommands.Single(c => c.Name == name);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")));
            Assert.That(outcome.Out, Does.Contain($"\nExamples:\n  zimage {name}"));
            foreach (Option option in command.Options)
            {
                Assert.That(outcome.Out, Does.Match($"(?m)^  (-., )?{option.Name} .*[A-Za-z]"), option.Name);
            }
        }
    }

    // The library ends some lines of its own with blanks.
    private static string[] Lines(string text) => [.. text.TrimEnd().Split('\n').Select(line => line.TrimEnd())];
}
